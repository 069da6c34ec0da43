/** Cheap pipelines of a user's own stages, in plain JavaScript: the real command line, and a second a run. */

/** Text that comes before the stages: what they use. */
const head = `import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline, stage } from 'genepool'

const leave = (outDir, text) => writeFileSync(join(outDir, 'value.txt'), text)
const read = (input) => readFileSync(input.files['value.txt'], 'utf8')
`

/** `stages` makes `const … = stage(…)`; `add` names those that the pipeline gets. */
export const smallPipeline = (stages: string, add: string, name = 'small'): string =>
  `${head}\n${stages}\n\nexport default pipeline('${name}').add(${add})\n`

/** Copies the file `source` of the pipeline's folder. */
export const copyStage = (name: string, source = 'in.txt'): string =>
  `const ${name} = stage('${name}', {
  sources: { file: '${source}' },
  run: ({ sources, outDir }) => leave(outDir, readFileSync(sources.file, 'utf8')),
})`

/** Leaves `text`. */
export const writeStage = (name: string, text: string): string =>
  `const ${name} = stage('${name}', { params: { text: ${JSON.stringify(text)} }, run: ({ params, outDir }) => leave(outDir, params.text) })`

/** Leaves its own name and all that it reads. */
export const joinStage = (name: string, reads: readonly string[]): string =>
  `const ${name} = stage('${name}', {
  inputs: { ${reads.join(', ')} },
  params: { as: '${name}' },
  run: ({ params, inputs, outDir }) => leave(outDir, params.as + '(' + Object.values(inputs).map(read).join(' ') + ')'),
})`
