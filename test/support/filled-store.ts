/** A store as a run would leave it, in a second: every artifact under its real fingerprint, its figures invented. */
import { fileURLToPath } from 'node:url'
import { start } from './child.js'
import type { Workspace } from './workspace.js'

export interface FillOptions {
  /** Pattern of names of stages that are left out, and with them what reads these. */
  readonly skip?: string
  /** Folder in the workspace; default `.genepool`. */
  readonly store?: string
}

const filler = fileURLToPath(new URL('./start-script.js', import.meta.url))

/** Fills the store for `target`, a file of the workspace. */
export const fillStore = async (workspace: Workspace, target: string, options: FillOptions = {}): Promise<void> => {
  const argument = JSON.stringify({ target, store: '.genepool', ...options })
  const { code, stderr } = await start([filler, 'fill-store', argument], { cwd: workspace.path }).done
  if (code !== 0) throw new Error(`the store of ${target} was not filled: ${stderr}`)
}
