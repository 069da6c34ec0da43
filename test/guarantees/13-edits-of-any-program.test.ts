import { expect } from 'chai'
import { mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type CodeEntry, CodeReader } from '../../src/runtime/code/code-reader.js'
import { FileIndex } from '../../src/runtime/file-identity.js'
import { atOnce } from '../../src/runtime/in-parts.js'
import { ReadsNow, readsOf, type TracedRead } from '../../src/runtime/reads.js'
import { seededNumbers } from '../engine/cases.js'
import { start } from '../support/child.js'
import {
  harmlessEdit,
  type ProgramFiles,
  randomDefinition,
  randomEdit,
  randomProgram,
  type RandomProgram,
} from '../support/random-programs.js'
import { workspaceForEach, type Workspace } from '../support/workspace.js'

/** Programs; thousands of them with `GENEPOOL_PROGRAMS=5000 npx mocha test/guarantees/13*.ts`. */
const count = Number(process.env['GENEPOOL_PROGRAMS'] ?? 60)
const firstSeed = Number(process.env['GENEPOOL_SEED'] ?? 1)
/** Programs that one process loads. */
const batch = 60

const runner = fileURLToPath(new URL('../support/run-programs.js', import.meta.url))

interface Case {
  readonly seed: number
  readonly program: RandomProgram
  readonly edited: ProgramFiles
}

const write = (folder: string, files: ProgramFiles): string => {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text)
  }
  return folder
}

const entryOf = (folder: string, { seed, program: { main } }: Case): CodeEntry => {
  const module = join(folder, main)
  const lines = readFileSync(module, 'utf8').split('\n')
  const line = lines.findIndex((text) => text.includes(`'main${seed}'`)) + 1
  return main === 'stage.ts'
    ? { module, export: 'stage' }
    : { module, call: `main${seed}`, place: { file: module, line, column: 1 } }
}

/** What counts of the code, and whether all of it could be followed. */
const identityOf = async (
  workspace: Workspace,
  folder: string,
  each: Case,
): Promise<readonly [digest: string, whole: boolean]> => {
  const { digest, opaque } = await new CodeReader(workspace.file('store')).read(entryOf(folder, each))
  return [digest, opaque.length === 0]
}

const logOf = (folder: string): string => `${folder}.reads`

/** Whether all that the program of the first folder read besides its code is the same in the second. */
const readsTheSame = async (workspace: Workspace, folder: string, other: string, each: Case): Promise<boolean> => {
  if (each.program.main === 'stage.ts') return true
  const { files } = await new CodeReader(workspace.file('store')).covers(entryOf(folder, each))
  const now = (): ReadsNow => new ReadsNow(new FileIndex(workspace.file('store', 'index', 'reads.json'), '1'))
  const isCovered = ({ file }: TracedRead): boolean => file !== undefined && files.has(realpathSync(file))
  const reads = atOnce(readsOf(logOf(folder), now(), folder, isCovered))
  return reads === undefined || atOnce(now().areAsThen(other, reads))
}

/** What each program gives, loaded without genepool. */
const resultsOf = async (folders: readonly string[], cases: readonly Case[]): Promise<readonly string[]> => {
  const list = `${folders[0]}.json`
  const programs = cases.map(({ seed: id, program: { main } }, index) => ({
    folder: folders[index],
    main,
    id,
    log: logOf(folders[index]!),
  }))
  writeFileSync(list, JSON.stringify(programs))
  const { stdout, stderr } = await start(['--import=tsx', runner, list], { cwd: process.cwd(), timeoutMs: 600_000 })
    .done
  expect(stdout, stderr).not.to.equal('')
  return JSON.parse(stdout) as readonly string[]
}

const describeCase = ({ seed, program, edited }: Case): string => {
  const changed = Object.keys(edited).filter((name) => edited[name] !== program.files[name])
  const texts = changed.map((name) => `--- ${name}\n${program.files[name]}\n+++\n${edited[name]}`)
  return `seed ${seed}\n${Object.entries(program.files)
    .map(([name, text]) => `# ${name}\n${text}`)
    .join('\n')}\n${texts.join('\n')}`
}

const inBatches = async (cases: readonly Case[], each: (some: readonly Case[]) => Promise<void>): Promise<void> => {
  for (let at = 0; at < cases.length; at += batch) await each(cases.slice(at, at + batch))
}

describe('An edit of any program: what computes something else is never served', function () {
  this.timeout(3_600_000)
  const workspace = workspaceForEach()

  const casesOf = (make: typeof randomProgram, edit: typeof randomEdit, many: number): readonly Case[] =>
    Array.from({ length: many }, (_, index) => firstSeed + index).flatMap((seed) => {
      const draw = seededNumbers(seed)
      const program = make(draw, seed)
      const edited = edit(draw, program)
      return edited === undefined ? [] : [{ seed, program, edited }]
    })

  for (const [what, make, most, many] of [
    ['modules', randomProgram, 0.05, count],
    ['definitions', randomDefinition, 0.1, Math.ceil(count / 3)],
  ] as const) {
    it(`of ${many} ${what}, an edit drawn at random`, async () => {
      const cases = casesOf(make, randomEdit, many)
      const stale: string[] = []
      let different = 0
      await inBatches(cases, async (some) => {
        const before = some.map(({ seed, program }) => write(workspace.file(`a${seed}`), program.files))
        const after = some.map(({ seed, edited }) => write(workspace.file(`b${seed}`), edited))
        const [was, is] = await Promise.all([resultsOf(before, some), resultsOf(after, some)])
        for (const [index, each] of some.entries()) {
          // Where nothing can be computed any more, nothing else is.
          if (was[index] === is[index] || is[index] === 'does not load') continue
          different++
          const [[old], [now, isWhole]] = [
            await identityOf(workspace, before[index]!, each),
            await identityOf(workspace, after[index]!, each),
          ]
          const isHit = old === now && isWhole
          if (isHit && (await readsTheSame(workspace, before[index]!, after[index]!, each)))
            stale.push(`${was[index]} → ${is[index]}\n${describeCase(each)}`)
        }
        for (const folder of [...before, ...after]) rmSync(folder, { recursive: true })
      })
      expect(different, 'edits that matter').to.be.greaterThan(cases.length / 5)
      expect(stale.slice(0, 3).join('\n\n'), `${stale.length} of ${cases.length} would be stale`).to.equal('')
    })

    it(`of ${many} ${what}, an edit that changes nothing: nearly none is computed again`, async () => {
      const cases = casesOf(make, harmlessEdit, many)
      const again: string[] = []
      for (const each of cases) {
        const [a, b] = [
          write(workspace.file(`a${each.seed}`), each.program.files),
          write(workspace.file(`b${each.seed}`), each.edited),
        ]
        const [[old], [now]] = [await identityOf(workspace, a, each), await identityOf(workspace, b, each)]
        if (old !== now) again.push(describeCase(each))
        for (const folder of [a, b]) rmSync(folder, { recursive: true })
      }
      expect(again.length / cases.length, again.slice(0, 3).join('\n\n')).to.be.at.most(most)
    })
  }
})
