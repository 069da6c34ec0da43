/** The same graph for each tool: its files, its first run and a run with nothing to do. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The graph consists of layers of cheap stages, each of which reads ten of the layer before. */
const fanIn = 10

const widest = 100

interface GraphStage {
  readonly index: number
  /** Indices of the stages that it reads; all below its own. */
  readonly reads: readonly number[]
}

const graphOf = (stages: number): readonly GraphStage[] => {
  const width = Math.max(1, Math.min(widest, Math.floor(stages / 2)))
  const wanted = Math.min(fanIn, width)
  // Steps of seven give different stages as long as the width is no multiple of seven.
  const reads = (index: number): readonly number[] => {
    const layer = Math.floor(index / width)
    if (layer === 0) return []
    return Array.from({ length: wanted }, (_, at) => (layer - 1) * width + ((index + 7 * at) % width))
  }
  return Array.from({ length: stages }, (_, index) => ({ index, reads: reads(index) }))
}

export interface Command {
  readonly program: string
  readonly args: readonly string[]
}

export interface Tool {
  readonly name: string
  /** How to get it where it is not there. */
  readonly howToGet: string
  /** Undefined where it is not installed. */
  readonly version: () => string | undefined
  /** Writes the graph into an empty folder; what to run there, first as well as with nothing to do. */
  readonly write: (folder: string, stages: number) => Command
  /** Whether a run said that it did nothing. */
  readonly didNothing: (output: string, stages: number) => boolean
}

const versionOf = (program: string, ...args: readonly string[]): string | undefined => {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .trim()
      .split('\n')[0]
  } catch {
    return undefined
  }
}

const put = (folder: string, name: string, contents: string | object): void => {
  const file = join(folder, name)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, typeof contents === 'string' ? contents : `${JSON.stringify(contents)}\n`)
}

const definition = (stages: number): string => `import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline, stage, type UserStage } from 'genepool'
import graph from './graph.json' with { type: 'json' }

const made: UserStage[] = []
for (const { index, reads } of graph) {
  made.push(
    stage(\`s\${index}\`, {
      inputs: Object.fromEntries(reads.map((read) => [\`s\${read}\`, made[read]!])),
      params: { index },
      warm: true,
      run: ({ outDir, params }) => writeFileSync(join(outDir, 'value.txt'), \`\${params.index}\\n\`),
    }),
  )
}
export default pipeline('noop-${stages}').add(...made)
`

/** `checkout` is this package, built. */
export const genepool = (checkout: string): Tool => {
  const bin = join(checkout, 'dist', 'cli', 'bin.js')
  return {
    name: 'genepool',
    howToGet: 'npm run build',
    version: () => versionOf(process.execPath, bin, '--version'),
    write: (folder, stages) => {
      mkdirSync(join(folder, 'node_modules'))
      symlinkSync(checkout, join(folder, 'node_modules', 'genepool'))
      put(folder, 'package.json', { type: 'module' })
      put(folder, 'graph.json', graphOf(stages))
      put(folder, 'graph.ts', definition(stages))
      return { program: process.execPath, args: [bin, 'run', 'graph.ts'] }
    },
    didNothing: (output, stages) => output.includes(`0 ran, ${stages} cached`),
  }
}

const leave = ({ index }: GraphStage, file: string): string => `echo ${index} > ${file}`

/** `installed` is the folder with node_modules. */
export const turborepo = (installed: string): Tool => {
  const program = join(installed, 'node_modules', '.bin', 'turbo')
  return {
    name: 'turborepo',
    howToGet: '--long installs it into a temporary folder',
    version: () => versionOf(program, '--version'),
    write: (folder, stages) => {
      const npm = versionOf('npm', '--version') ?? '10.0.0'
      put(folder, 'package.json', {
        name: 'noop',
        private: true,
        packageManager: `npm@${npm}`,
        workspaces: ['packages/*'],
      })
      put(folder, 'turbo.json', {
        tasks: { build: { dependsOn: ['^build'], inputs: ['package.json'], outputs: ['out/**'] } },
      })
      put(folder, '.gitignore', 'out\n.turbo\nnode_modules\n')
      for (const stage of graphOf(stages)) {
        put(folder, `packages/s${stage.index}/package.json`, {
          name: `s${stage.index}`,
          version: '1.0.0',
          scripts: { build: `mkdir -p out && ${leave(stage, 'out/value.txt')}` },
          dependencies: Object.fromEntries(stage.reads.map((read) => [`s${read}`, '*'])),
        })
      }
      execFileSync('git', ['init', '--quiet'], { cwd: folder })
      execFileSync('git', ['add', '.'], { cwd: folder })
      return { program, args: ['run', 'build', '--output-logs=none'] }
    },
    didNothing: (output, stages) => output.includes(`${stages} cached, ${stages} total`),
  }
}

export const wireit = (installed: string): Tool => ({
  name: 'wireit',
  howToGet: '--long installs it into a temporary folder',
  version: () =>
    versionOf(
      process.execPath,
      '-p',
      `require(${JSON.stringify(join(installed, 'node_modules/wireit/package.json'))}).version`,
    ),
  write: (folder, stages) => {
    const graph = graphOf(stages)
    const name = ({ index }: GraphStage): string => `s${index}`
    const read = new Set(graph.flatMap(({ reads }) => reads))
    const all = graph.filter(({ index }) => !read.has(index)).map(name)
    mkdirSync(join(folder, 'out'))
    symlinkSync(join(installed, 'node_modules'), join(folder, 'node_modules'))
    put(folder, 'package.json', {
      name: 'noop',
      private: true,
      scripts: Object.fromEntries(['all', ...graph.map(name)].map((script) => [script, 'wireit'])),
      wireit: {
        all: { dependencies: all },
        ...Object.fromEntries(
          graph.map((stage) => [
            name(stage),
            {
              command: leave(stage, `out/${stage.index}.txt`),
              dependencies: stage.reads.map((index) => `s${index}`),
              files: [],
              output: [`out/${stage.index}.txt`],
            },
          ]),
        ),
      },
    })
    return { program: 'npm', args: ['run', 'all'] }
  },
  didNothing: (output) => output.includes('Ran 0 scripts'),
})

export const snakemake: Tool = {
  name: 'snakemake',
  howToGet: 'apt-get install snakemake',
  version: () => versionOf('snakemake', '--version'),
  write: (folder, stages) => {
    put(folder, 'graph.json', graphOf(stages))
    put(
      folder,
      'Snakefile',
      `import json
with open("graph.json") as file:
    graph = json.load(file)

rule all:
    input: [f"out/{stage['index']}.txt" for stage in graph]

for stage in graph:
    rule:
        name: f"s{stage['index']}"
        input: [f"out/{read}.txt" for read in stage["reads"]]
        output: f"out/{stage['index']}.txt"
        params: index=stage["index"]
        shell: "echo {params.index} > {output}"
`,
    )
    return { program: 'snakemake', args: ['--cores', 'all', '--nolock'] }
  },
  didNothing: (output) => output.includes('Nothing to be done'),
}

export const ninja: Tool = {
  name: 'ninja',
  howToGet: 'apt-get install ninja-build',
  version: () => versionOf('ninja', '--version'),
  write: (folder, stages) => {
    const edges = graphOf(stages).map(({ index, reads }) => {
      const inputs = reads.map((read) => `out/${read}.txt`).join(' ')
      return `build out/${index}.txt: leave ${inputs}\n  index = ${index}\n`
    })
    put(folder, 'build.ninja', `rule leave\n  command = echo $index > $out\n\n${edges.join('')}`)
    return { program: 'ninja', args: [] }
  },
  didNothing: (output) => output.includes('no work to do'),
}
