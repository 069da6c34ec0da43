import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { expect } from 'chai'
import type { Finished } from '../support/child.js'
import { runCli } from '../support/cli.js'
import { copyStage, joinStage, smallPipeline } from '../support/small-pipeline.js'
import { hitsOf } from '../support/stored-artifacts.js'
import { workspaceForAll } from '../support/workspace.js'

type Mode = 'kill-before' | 'kill-half' | 'kill-after' | 'ENOSPC' | 'EIO'

/** GENEPOOL_LONG=1: two stages instead of one, a store that is quite new, every mode, and every write. */
const long = process.env['GENEPOOL_LONG'] === '1'

/** Of the writes one in so many, from one that is drawn: the first writes and the last are tried in turn over time. */
const stride = long ? 1 : 6

const faults = new URL('../support/store-faults.js', import.meta.url).href

const titles: Readonly<Record<Mode, string>> = {
  'kill-before': 'SIGKILL before every store write, in turn',
  'kill-half': 'SIGKILL half-way through every write of bytes: the same',
  'kill-after': 'SIGKILL after every store write: the same',
  ENOSPC: 'a disk that is full from any write on fails the run loudly and leaves a consistent store',
  EIO: 'any call that fails makes the run fail loudly, or does no harm',
}

const modes: readonly Mode[] = long ? (Object.keys(titles) as Mode[]) : ['kill-before', 'kill-half', 'ENOSPC']

/** What a failure must be told in: a sentence, by an event or on stderr. */
const saysWhy = ({ events, stderr }: Finished): boolean => {
  const failed = events.find((event) => event.type === 'stage-failed')
  return failed === undefined ? /^genepool: \S.*\n/.test(stderr) : failed.message.length > 10
}

describe('SIGKILL at every store write: afterwards a hit is complete or it is a miss', () => {
  const workspace = workspaceForAll()
  let clean: ReadonlyMap<string, string>

  const run = (store: string, env: Readonly<Record<string, string>> = {}): Promise<Finished> =>
    runCli(['run', 'small.mjs', '--engine', 'cpu', '--jobs', '1', '--json', '--store', store], {
      cwd: workspace.path,
      env,
    })

  /** A store that knows the code already, which spares each run its parsing. */
  const newStore = (store: string): void => {
    rmSync(workspace.file(store), { recursive: true, force: true })
    if (long) return
    mkdirSync(workspace.file(store))
    cpSync(workspace.file('clean', 'index'), workspace.file(store, 'index'), { recursive: true })
  }

  before(async () => {
    workspace.write('in.txt', 'hello')
    workspace.write(
      'small.mjs',
      long
        ? smallPipeline(`${copyStage('copy')}\n${joinStage('joined', ['copy'])}`, 'joined')
        : smallPipeline(copyStage('copy'), 'copy'),
    )
    const { code, stderr } = await run('clean')
    expect(code, stderr).to.equal(0)
    clean = hitsOf(workspace.file('clean'))
    expect([...clean.values()]).to.deep.equal(long ? ['hello', 'joined(hello)'] : ['hello'])
  })

  const expectWhole = (store: string, what: string): void => {
    expect([...hitsOf(workspace.file(store))].sort(), what).to.deep.equal([...clean].sort())
  }

  /** Lets the `at`-th call go wrong, then runs again; whether there was such a call. */
  const tryAt = async (mode: Mode, at: number): Promise<boolean> => {
    const store = `${mode}-${at}`
    newStore(store)
    const log = workspace.file(`${store}.log`)
    writeFileSync(log, '')
    const fault = { store: workspace.file(store), log, at, mode }
    const broken = await run(store, { FAULT: JSON.stringify(fault), NODE_OPTIONS: `--import ${faults}` })
    const calls = readFileSync(log, 'utf8').split('\n').slice(0, -1)
    const reached = calls.length >= at
    const what = `${mode} at ${at}: ${reached ? calls[at - 1] : 'not reached'}`
    if (!reached) expect(broken.code, `${what}\n${broken.stderr}`).to.equal(0)
    if (broken.code === 0) expectWhole(store, what)
    else if (broken.signal === null) {
      expect(broken.code, what).to.equal(1)
      expect(saysWhy(broken), `${what}\n${broken.stdout}\n${broken.stderr}`).to.equal(true)
    } else expect(broken.signal, what).to.equal('SIGKILL')
    if (existsSync(workspace.file(store))) hitsOf(workspace.file(store))
    const again = await run(store)
    expect(again.code, `${what}\n${again.stdout}\n${again.stderr}`).to.equal(0)
    expectWhole(store, what)
    rmSync(workspace.file(store), { recursive: true, force: true })
    return reached
  }

  for (const mode of modes) {
    it(titles[mode], async function () {
      this.timeout(long ? 3_600_000 : 900_000)
      let next = 1 + Math.floor(Math.random() * stride)
      let last = 0
      let isOver = false
      // Side by side: each has a store of its own. They are tried up to one that is not reached.
      const tryOn = async (): Promise<void> => {
        while (!isOver) {
          const at = next
          next += stride
          if (await tryAt(mode, at)) last = Math.max(last, at)
          else isOver = true
        }
      }
      await Promise.all([tryOn(), tryOn(), tryOn()])
      expect(last, 'calls that were counted').to.be.above(mode === 'kill-before' ? 36 : 6)
    })
  }
})
