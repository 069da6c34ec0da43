import { expect } from 'chai'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { CodeReader } from '../../src/runtime/code/code-reader.js'
import { start } from '../support/child.js'
import {
  drawFrom,
  harmlessEdit,
  type ProgramFiles,
  randomEdit,
  randomProgram,
  type RandomProgram,
} from '../support/random-programs.js'
import { workspaceForEach, type Workspace } from '../support/workspace.js'

/** Programs; thousands of them with `GENEPOOL_PROGRAMS=5000 npx mocha test/guarantees/13*.ts`. */
const count = Number(process.env['GENEPOOL_PROGRAMS'] ?? 120)
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

/** What counts of the code, and whether all of it could be followed. */
const identityOf = async (workspace: Workspace, folder: string): Promise<readonly [digest: string, whole: boolean]> => {
  const reader = new CodeReader(workspace.file('store'))
  const { digest, opaque } = await reader.read({ module: join(folder, 'stage.ts'), export: 'stage' })
  return [digest, opaque.length === 0]
}

/** What each program gives, loaded without genepool. */
const resultsOf = async (folders: readonly string[]): Promise<readonly string[]> => {
  const list = `${folders[0]}.json`
  writeFileSync(list, JSON.stringify(folders))
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

  const casesOf = (edit: typeof randomEdit): readonly Case[] =>
    Array.from({ length: count }, (_, index) => firstSeed + index).flatMap((seed) => {
      const draw = drawFrom(seed)
      const program = randomProgram(draw, seed)
      const edited = edit(draw, program)
      return edited === undefined ? [] : [{ seed, program, edited }]
    })

  it(`of ${count} programs, an edit drawn at random`, async () => {
    const cases = casesOf(randomEdit)
    const stale: string[] = []
    let different = 0
    await inBatches(cases, async (some) => {
      const before = some.map(({ seed, program }) => write(workspace.file(`a${seed}`), program.files))
      const after = some.map(({ seed, edited }) => write(workspace.file(`b${seed}`), edited))
      const [was, is] = await Promise.all([resultsOf(before), resultsOf(after)])
      for (const [index, each] of some.entries()) {
        if (was[index] === is[index]) continue
        different++
        const [[old], [now, isWhole]] = [
          await identityOf(workspace, before[index]!),
          await identityOf(workspace, after[index]!),
        ]
        if (old === now && isWhole) stale.push(`${was[index]} → ${is[index]}\n${describeCase(each)}`)
      }
      for (const folder of [...before, ...after]) rmSync(folder, { recursive: true })
    })
    expect(different, 'edits that matter').to.be.greaterThan(cases.length / 5)
    expect(stale.slice(0, 3).join('\n\n'), `${stale.length} of ${cases.length} would be stale`).to.equal('')
  })

  it(`of ${count} programs, an edit that changes nothing: nearly none is computed again`, async () => {
    const cases = casesOf(harmlessEdit)
    const again: string[] = []
    for (const each of cases) {
      const [a, b] = [
        write(workspace.file(`a${each.seed}`), each.program.files),
        write(workspace.file(`b${each.seed}`), each.edited),
      ]
      const [[old], [now]] = [await identityOf(workspace, a), await identityOf(workspace, b)]
      if (old !== now) again.push(describeCase(each))
      for (const folder of [a, b]) rmSync(folder, { recursive: true })
    }
    expect(again.length / cases.length, again.slice(0, 3).join('\n\n')).to.be.at.most(0.05)
  })
})
