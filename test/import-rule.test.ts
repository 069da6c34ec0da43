import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { expect } from 'chai'
import { ts } from 'ts-morph'
import { checkout } from './support/workspace.js'

interface Import {
  /** Path from the checkout, `/` between. */
  readonly from: string
  /** The same for a file, else the specifier. */
  readonly to: string
}

const sourceFiles = (folder: string): readonly string[] =>
  readdirSync(join(checkout, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name).slice(checkout.length).replaceAll('\\', '/'))
    .sort()

/** Every module that the file names in any way: static, types alone, dynamic, re-exported. */
const specifiersOf = (file: string): readonly string[] =>
  ts
    .preProcessFile(readFileSync(join(checkout, file), 'utf8'), true, true)
    .importedFiles.map(({ fileName }) => fileName)

const importsOf = (from: string): readonly Import[] =>
  specifiersOf(from).map((specifier) => ({
    from,
    to: specifier.startsWith('.') ? posix.join(dirname(from), specifier).replace(/\.js$/, '.ts') : specifier,
  }))

const all = [...sourceFiles('src'), ...sourceFiles('pipelines')].flatMap(importsOf)

/** What a folder may import. */
const rules: Readonly<Record<string, readonly RegExp[]>> = {
  // Stages of one's own may use Node; of this project a pipeline knows the package alone.
  'pipelines/': [/^genepool$/, /^node:/],
  'src/base/': [/^src\/base\//, /^node:/],
  'src/dsl/': [/^src\/dsl\//, /^src\/base\/objects\.ts$/],
  'src/engine/': [/^src\/base\//, /^src\/engine\//, /^node:/, /^@tensorflow\//, /^onnx/, /^tar$/],
  'src/stages/': [
    /^src\/base\//,
    /^src\/(stages|engine|dsl)\//,
    /^src\/runtime\/(stage-contract|errors)\.ts$/,
    /^effect\//,
    /^node:/,
    /^@tensorflow\//,
  ],
  'src/runtime/': [
    /^src\/base\//,
    /^src\/(runtime|dsl)\//,
    /^effect\//,
    /^node:/,
    /^ts-morph$/,
    /^tsx\//,
    /^esbuild$/,
    /^chokidar$/,
    /^tar$/,
  ],
  'src/results/': [/^src\/base\//, /^src\/(results|runtime|dsl)\//, /^effect\//, /^node:/],
  'src/report/': [
    /^src\/base\//,
    /^src\/(report|results|runtime|dsl)\//,
    /^effect\//,
    /^node:/,
    /^@observablehq\/plot$/,
    /^linkedom$/,
    /^@dagrejs\/dagre$/,
    /^@resvg\/resvg-js$/,
  ],
  'src/doctor/': [/^src\/base\//, /^src\/(doctor|stages|engine|dsl)\//, /^node:/, /^@tensorflow\//],
  'src/cli/': [
    /^src\/base\//,
    /^src\/(cli|doctor|report|results|runtime|dsl)\//,
    /^src\/engine\/(request|tensorflow\/build\/build|onnx\/(install-cuda|other-platforms))\.ts$/,
    /^src\/(compose|index|load-model|own-definitions)\.ts$/,
    /^src\/stages\/(classify-pictures|weights\/(inspect-(onnx|weights)|hub-download)|export\/export-(model|pool))\.ts$/,
    /^effect\//,
    /^@effect\/platform-node-shared\//,
    /^node:/,
  ],
  'src/compose.ts': [/^src\/base\//, /^src\/(runtime|engine|stages)\//, /^effect\//],
  'src/load-model.ts': [
    /^src\/stages\/(load-model|model\/loaded-model)\.ts$/,
    /^src\/engine\/(request|choice\/(resolve|wish))\.ts$/,
  ],
  'src/open-pool.ts': [/^src\/stages\/export\/(open-pool|pool-file)\.ts$/],
  'src/load-dataset.ts': [/^src\/stages\/data\/dataset\.ts$/, /^node:/],
  'src/run-pipeline.ts': [
    /^src\/base\//,
    /^src\/(runtime|dsl)\//,
    /^src\/compose\.ts$/,
    /^src\/engine\/request\.ts$/,
    /^effect\//,
  ],
  'src/own-definitions.ts': [/^src\/base\//, /^src\/runtime\/definition\//, /^src\/index\.ts$/, /^node:/],
  // What dist/program.cjs holds: every part of the program that is a process.
  'src/program/': [/^src\/(cli|runtime|engine|stages)\//, /^src\/own-definitions\.ts$/, /^node:/],
  'src/index.ts': [
    /^src\/dsl\//,
    /^src\/(load-dataset|load-model|open-pool|run-pipeline|engine\/request)\.ts$/,
    /^src\/runtime\//,
  ],
}

/** The folders of the runtime, each on those before it. What calls a run comes after it. */
const runtimeFloors = [
  'definition',
  'code',
  'store',
  'plan',
  'execute',
  'records',
  'watch',
  'upkeep',
  'run',
  'certify',
] as const

const ruleOf = (file: string): readonly RegExp[] | undefined =>
  Object.entries(rules).find(([place]) => file.startsWith(place))?.[1]

describe('the import rule', () => {
  it('has a line for every file', () => {
    expect(all.filter(({ from }) => ruleOf(from) === undefined)).to.deep.equal([])
    expect(all.length).to.be.above(300)
  })

  for (const [place, allowed] of Object.entries(rules)) {
    it(`holds in ${place}`, () => {
      const here = all.filter(({ from }) => from.startsWith(place))
      expect(here).not.to.deep.equal([])
      const wrong = here.filter(({ to }) => !allowed.some((pattern) => pattern.test(to)))
      expect(wrong.map(({ from, to }) => `${from} → ${to}`)).to.deep.equal([])
    })
  }

  it('lets no two folders need each other', () => {
    const folderOf = (path: string): string => /^src\/[^/]+(?=\/)/.exec(path)?.[0] ?? path
    const needs = new Map<string, Set<string>>()
    for (const { from, to } of all) {
      const [a, b] = [folderOf(from), folderOf(to)]
      // The contract between runtime and stages is types and errors, which need nothing of either.
      if (/^src\/runtime\/(stage-contract|errors)\.ts$/.test(to)) continue
      if (a !== b && b.startsWith('src/')) needs.set(a, (needs.get(a) ?? new Set()).add(b))
    }
    const reaches = (from: string, goal: string, seen = new Set<string>()): boolean =>
      [...(needs.get(from) ?? [])].some(
        (next) => next === goal || (!seen.has(next) && reaches(next, goal, seen.add(next))),
      )
    expect([...needs.keys()].filter((folder) => reaches(folder, folder))).to.deep.equal([])
  })

  it('builds the runtime floor upon floor: the files of its root, then each folder on those before it', () => {
    const floors: readonly string[] = ['', ...runtimeFloors]
    const floorOf = (file: string): string => /^src\/runtime\/(?:([^/]+)\/)?/.exec(file)?.[1] ?? ''
    const inside = all.filter(({ from, to }) => [from, to].every((file) => file.startsWith('src/runtime/')))
    expect([...new Set(inside.map(({ from }) => floorOf(from)))].sort()).to.deep.equal([...floors].sort())
    const up = inside.filter(({ from, to }) => floors.indexOf(floorOf(to)) > floors.indexOf(floorOf(from)))
    expect(up.map(({ from, to }) => `${from} → ${to}`)).to.deep.equal([])
  })

  it('imports effect by deep path everywhere: its root costs a third of a second', () => {
    expect(all.filter(({ to }) => to === 'effect' || to === '@effect/platform-node-shared')).to.deep.equal([])
  })
})
