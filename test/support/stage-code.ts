/** The code identity of small programs, written into a workspace. */
import { CodeReader } from '../../src/runtime/code/code-reader.js'
import type { CodeRecord } from '../../src/runtime/code/code-record.js'
import { codeReasons } from '../../src/runtime/code/code-reasons.js'
import type { Workspace } from './workspace.js'

export type Files = Readonly<Record<string, string>>

/** The code of `export name` of a file; by default of `stage` in stage.ts. */
export const codeOf = async (workspace: Workspace, name = 'stage', file = 'stage.ts'): Promise<CodeRecord> =>
  (await new CodeReader(workspace.file('store')).recordOf({ module: workspace.file(file), export: name }))!

export const digestOf = async (workspace: Workspace, name = 'stage', file = 'stage.ts'): Promise<string> =>
  (await new CodeReader(workspace.file('store')).read({ module: workspace.file(file), export: name })).digest

/** The code of all of a module: what a stage counts whose function cannot be told. */
export const moduleCodeOf = async (workspace: Workspace, file: string): Promise<CodeRecord> => {
  const place = { file: workspace.file('none.ts'), line: 1, column: 1 }
  const entry = { module: workspace.file(file), call: 'none', place }
  return (await new CodeReader(workspace.file('store')).recordOf(entry))!
}

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
