/** The code identity of small programs, written into a workspace. */
import { CodeReader } from '../../src/runtime/code/code-reader.js'
import type { CodeRecord } from '../../src/runtime/code/code-record.js'
import { codeReasons } from '../../src/runtime/code/code-reasons.js'
import type { Workspace } from './workspace.js'

export type Files = Readonly<Record<string, string>>

/** The code of `export name` of a file; by default of `stage` in stage.ts. */
export const codeOf = (workspace: Workspace, name = 'stage', file = 'stage.ts'): CodeRecord =>
  new CodeReader(workspace.file('store')).recordOf({ module: workspace.file(file), export: name })!

export const digestOf = (workspace: Workspace, name = 'stage', file = 'stage.ts'): string =>
  new CodeReader(workspace.file('store')).read({ module: workspace.file(file), export: name }).digest

export const writeFiles = (workspace: Workspace, files: Files): void => {
  for (const [name, text] of Object.entries(files)) workspace.write(name, text)
}

/** What changed, in short: `kdLoss edited`, `package numbers 1.0.0 → 2.0.0`. */
export const changesBetween = (before: CodeRecord, now: CodeRecord): readonly string[] =>
  codeReasons(before, now).map((reason) =>
    reason.type === 'code-changed'
      ? `${reason.symbol} ${reason.change}`
      : reason.type === 'package-changed'
        ? `package ${reason.name} ${reason.before} → ${reason.now}`
        : reason.type,
  )
