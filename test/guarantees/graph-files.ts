/** A model graph as the files of a user: a definition, a library of helpers, and the files that stages read. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { Workspace } from '../support/workspace.js'
import type { ModelGraph, ModelStage } from './graph-model.js'

const library = (folder: string, { helpers, comment, unreached }: ModelGraph): string => `// ${comment}
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const folder = ${JSON.stringify(folder)}
export const unreached = () => ${unreached}
${helpers.map((added, index) => `export const helper${index} = (sum) => (sum + ${added})`).join('\n')}

/** Leaves the value; every execution is a line of executed.log: where, and what it came from. */
export const compute = (context, helper, index) => {
  const values = Object.values(context.inputs).map(({ folder }) => Number(readFileSync(join(folder, 'value'), 'utf8')))
  const file = context.sources.file === undefined ? null : Number(readFileSync(context.sources.file, 'utf8'))
  const sum = values.reduce((total, value) => total * 2 + value, 0)
  const { param } = context.params
  const key = JSON.stringify([index, helper(0), param, file, values])
  appendFileSync(join(folder, 'executed.log'), key + '\\n')
  if (existsSync(join(folder, 'fail-') + key.replace(/[^0-9a-z]/g, '_'))) throw new Error('told to fail')
  writeFileSync(join(context.outDir, 'value'), String((helper(sum) + param + (file ?? 0)) % 5))
}
`

const stageText = ({ name, inputs, helper, param, file }: ModelStage): string => `const ${name} = stage('${name}', {
  inputs: { ${inputs.map((input, index) => `i${index}: ${input}`).join(', ')} },
  params: { param: ${param} },
  ${file === null ? '' : `sources: { file: 'file-${name}' },`}
  warm: true,
  run: (context) => compute(context, helper${helper}, ${helper}),
})`

const definition = ({ stages, comment }: ModelGraph): string => `/* ${comment} */
import { pipeline, stage } from 'genepool'
import { compute, helper0, helper1, helper2 } from './library.mjs'

${stages.map(stageText).join('\n')}
export default pipeline('random').add(${stages.map(({ name }) => name).join(', ')})
`

/** Writes only what differs, as an editor would. */
const write = (workspace: Workspace, name: string, text: string): void => {
  const file = workspace.file(name)
  if (!existsSync(file) || readFileSync(file, 'utf8') !== text) writeFileSync(file, text)
}

export const writeGraph = (workspace: Workspace, graph: ModelGraph): void => {
  write(workspace, 'library.mjs', library(workspace.path, graph))
  write(workspace, 'random.mjs', definition(graph))
  for (const { name, file } of graph.stages) if (file !== null) write(workspace, `file-${name}`, String(file))
}

const failFile = (workspace: Workspace, key: string): string => workspace.file(`fail-${key.replace(/[^0-9a-z]/g, '_')}`)

/** Makes exactly these executions throw. */
export const setFailing = (workspace: Workspace, keys: readonly string[], before: readonly string[]): void => {
  for (const key of before) rmSync(failFile(workspace, key), { force: true })
  for (const key of keys) writeFileSync(failFile(workspace, key), '')
}

/** Executions since the beginning, and forgets them. */
export const takeExecuted = (workspace: Workspace): readonly string[] => {
  const log = workspace.file('executed.log')
  const lines = existsSync(log) ? readFileSync(log, 'utf8').split('\n').filter(Boolean) : []
  rmSync(log, { force: true })
  return lines
}
