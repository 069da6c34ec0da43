/** What a run writes down before its first event. Costs a run with nothing to do next to nothing and never fails one. */
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import type { PlannedStage } from '../events.js'
import { readGitState, type GitState } from './git-state.js'
import { environmentOf, type RunSettings } from './run-environment.js'
import type { RecordLine } from './run-log.js'
import type { Store } from '../store/store.js'

/** How long a run that has ended waits for git, which was asked when it began. */
const patienceMs = 300

export interface AskedGit {
  readonly answer: Promise<GitState>
  readonly abort: () => void
}

/** Asked before the planning, so that git works beside it. */
export const askGit = (definition: { readonly file?: string; readonly baseDir: string }): AskedGit => {
  const controller = new AbortController()
  const folder = definition.file === undefined ? definition.baseDir : path.dirname(definition.file)
  return { answer: readGitState(path.resolve(folder), controller.signal), abort: () => controller.abort() }
}

/**
 * Writes environment and plan now and git's answer when it is there; the effect given back, for the run's end, waits for
 * that, but never long.
 */
export const recordStart = (
  log: (line: RecordLine) => void,
  store: Store['Service'],
  settings: RunSettings,
  plan: readonly PlannedStage[],
  git: AskedGit,
): Effect.Effect<void> => {
  log({ type: 'environment', ...environmentOf(store, settings) })
  log({ type: 'plan', stages: plan })
  const written = git.answer.then((state) => log({ type: 'git', git: state }))
  return Effect.promise(() => {
    const timer = setTimeout(git.abort, patienceMs)
    return written.finally(() => clearTimeout(timer))
  })
}
