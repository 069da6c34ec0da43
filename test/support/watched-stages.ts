/** Cheap stages of the user's own to watch: one that takes as long as a test wants, one that reads a file. */
import { existsSync, readFileSync } from 'node:fs'
import type { Workspace } from './workspace.js'

/**
 * `slow` counts steps until the file `go` is there and goes on from its checkpoint; `text` leaves what its source holds
 * and `word`; `both` reads the two. Each writes the id of its process into `pids/<stage>`, a line a start.
 */
export const writeStages = (workspace: Workspace): void => {
  workspace.write('pids/.keep', '')
  workspace.write('text.txt', 'a text')
  workspace.write('lib/word.ts', "export const word = 'word'\n")
  workspace.write('lib/unused.ts', "export const unused = 'unused'\n")
  workspace.write(
    'slow.ts',
    `import { appendFileSync, existsSync, readFileSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { stage } from 'genepool'
import { pace } from './lib/pace.ts'

// The test's own word to the stage, by a call that no trace writes down: the stage would depend on it.
const isSaid = (word: string): boolean => {
  try {
    statfsSync(word)
    return true
  } catch {
    return false
  }
}

export const slow = stage('slow', {
  run: async ({ checkpointDir, outDir, signal, progress }) => {
    appendFileSync(join(process.cwd(), 'pids', 'slow'), process.pid + '\\n')
    const saved = join(checkpointDir, 'step')
    const first = existsSync(saved) ? Number(readFileSync(saved, 'utf8')) : 0
    for (let step = first + 1; !isSaid('go'); step++) {
      await setTimeout(pace)
      progress({ phase: 'count', step, steps: 100_000 })
      if (signal.aborted) return writeFileSync(saved, String(step))
    }
    if (isSaid('fail')) throw new Error('the moon is not full')
    writeFileSync(join(outDir, 'done'), 'done')
  },
})
`,
  )
  workspace.write('lib/pace.ts', 'export const pace = 20\n')
  workspace.write(
    'text.ts',
    `import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stage } from 'genepool'
import { word } from './lib/word.ts'

export const text = stage('text', {
  sources: { text: 'text.txt' },
  run: ({ sources, outDir }) => {
    appendFileSync(join(process.cwd(), 'pids', 'text'), process.pid + '\\n')
    writeFileSync(join(outDir, 'text'), readFileSync(sources.text, 'utf8') + word)
  },
})
`,
  )
  workspace.write(
    'both.ts',
    `import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stage } from 'genepool'
import { slow } from './slow.ts'
import { text } from './text.ts'

export const both = stage('both', {
  inputs: { slow, text },
  run: ({ outDir }) => writeFileSync(join(outDir, 'both'), ''),
})
`,
  )
  for (const name of ['text', 'slow', 'both']) workspace.write(`${name}-only.ts`, definition(name))
}

const definition = (name: string): string =>
  `import { pipeline } from 'genepool'
import { ${name} } from './${name}.ts'
export default pipeline('${name}').add(${name})
`

/** Ids of the processes that a stage has had, in their order. */
export const pidsOf = (workspace: Workspace, stage: string): readonly number[] => {
  const file = workspace.file('pids', stage)
  return existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').map(Number) : []
}
