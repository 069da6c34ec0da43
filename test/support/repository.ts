/** A git repository in a workspace, with an author of its own. */
import { execFileSync } from 'node:child_process'
import type { Workspace } from './workspace.js'

export interface Repository {
  /** Commits everything that is not ignored; gives the commit. */
  readonly commit: (message: string) => string
}

export const repositoryIn = (workspace: Workspace): Repository => {
  const git = (...args: readonly string[]): string =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.c', ...args], {
      cwd: workspace.path,
      encoding: 'utf8',
    }).trim()
  git('init', '--quiet', '--initial-branch', 'trunk')
  return {
    commit: (message) => {
      git('add', '--all')
      git('commit', '--quiet', '--message', message)
      return git('rev-parse', 'HEAD')
    },
  }
}
