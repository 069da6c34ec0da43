import { stripVTControlCharacters } from 'node:util'
import { expect } from 'chai'
import { jsonRenderer, liveRenderer, plainRenderer, runFoot } from '../../../src/cli/output/renderers.js'
import type { Output } from '../../../src/cli/output/terminal.js'
import type { CellOutcome, Emit, RunEstimate, RunEvent } from '../../../src/runtime/events.js'

const numbers = (count: number): readonly number[] => [...Array(count).keys()]

const skipped = (stage: string, failed?: string): RunEvent => ({
  type: 'stage-skipped',
  stage,
  ...(failed === undefined ? { because: 'the run stops' } : { because: `it reads ${stage}'s input`, failed }),
})

const finished = (outcomes: readonly CellOutcome[] = []): RunEvent => ({
  type: 'run-finished',
  run: 'r',
  ran: 0,
  cached: 0,
  failed: outcomes.length,
  skipped: 0,
  suite: { cells: outcomes.length, asked: outcomes.length, distinct: outcomes.length, outcomes },
  interrupted: false,
  ms: 1_000,
  at: '2026-01-01T00:00:00.000Z',
})

const failedCells = (count: number, message: (cell: number) => string): readonly CellOutcome[] =>
  numbers(count).map((n) => ({
    name: `n=${n},seed=0`,
    at: { n },
    seed: 0,
    state: 'failed',
    failure: { stage: `stitch[n=${n}]`, message: message(n) },
  }))

const linesOf = (renderer: (output: Output) => Emit, events: readonly RunEvent[]): readonly string[] => {
  let text = ''
  const emit = renderer({ write: (more) => (text += more) })
  for (const event of events) emit(event)
  // Without what moves the cursor.
  return stripVTControlCharacters(text).trimEnd().split('\n')
}

const renderers: Readonly<Record<string, (output: Output) => Emit>> = {
  'without a terminal': (output) => plainRenderer(output, false),
  'on a terminal': (output) => liveRenderer(output, false),
}

for (const [where, renderer] of Object.entries(renderers)) {
  describe(`a run ${where}`, () => {
    it('names five stages that are not run, and counts the others by what failed', () => {
      const lines = linesOf(renderer, [
        ...numbers(800).map((n) => skipped(`stitch[n=${n}]`, 'teacher[seed=1]')),
        ...numbers(200).map((n) => skipped(`evaluate[n=${n}]`)),
        finished(),
      ])
      expect(lines.slice(0, 9)).to.deep.equal([
        ...numbers(5).map((n) => `- stitch[n=${n}]  not run: it reads stitch[n=${n}]'s input`),
        '- 795 more stages not run: teacher[seed=1] failed',
        '- 200 more stages not run: the run stops',
        'finished in 1.0 s: 0 ran, 0 cached',
        'stages asked for 0, distinct 0, run 0',
      ])
    })

    it('counts together what was not run for many causes', () => {
      const lines = linesOf(renderer, [...numbers(1_000).map((n) => skipped(`a[n=${n}]`, `b[n=${n}]`)), finished()])
      expect(lines[10]).to.equal('- 990 more stages not run, for 990 other causes')
      expect(lines).to.have.length(13)
    })

    it('that is short of that has a line a stage, as it comes', () => {
      expect(linesOf(renderer, [skipped('a', 'b')])).to.deep.equal(["- a  not run: it reads a's input"])
    })

    it('ends with five cells a failure and how many more there are', () => {
      const lines = linesOf(renderer, [finished(failedCells(1_000, () => 'no images'))])
      expect(lines.slice(2)).to.deep.equal([
        '1000 of 1000 cells failed',
        '  no images',
        ...numbers(5).map((n) => `    n=${n},seed=0  in stitch[n=${n}]`),
        '    and 995 more',
      ])
    })

    it('ends with ten failures where each cell has its own', () => {
      const lines = linesOf(renderer, [finished(failedCells(1_000, (n) => `no images ${n}`))])
      expect(lines.slice(-3)).to.deep.equal([
        '  no images 9',
        '    n=9,seed=0  in stitch[n=9]',
        '  and 990 more for other reasons',
      ])
      expect(lines).to.have.length(24)
    })
  })
}

describe('how far a run is', () => {
  const started = (stages: number, expected?: RunEstimate): RunEvent => ({
    type: 'run-started',
    run: 'r',
    pipeline: 'p',
    file: null,
    store: '/store',
    stages,
    engine: { engine: 'cpu', device: 'cpu', threads: 1, why: '' },
    jobs: 1,
    ...(expected && { expected }),
    at: '2026-01-01T00:00:00.000Z',
  })
  const failed = (stage: string): RunEvent => ({ type: 'stage-failed', stage, kind: 'stage', ms: 1, message: 'no' })
  const after = (seconds: number, events: readonly RunEvent[]): string | undefined => {
    const foot = runFoot(() => Date.parse('2026-01-01T00:00:00.000Z') + 1_000 * seconds)
    return events.map(foot).at(-1)
  }
  const estimate = { jobs: 1, leastMs: 100_000, mostMs: 100_000, unknown: 0 }

  const left = (leftMs: number, other: Partial<Extract<RunEvent, { type: 'run-progress' }>> = {}): RunEvent => ({
    type: 'run-progress',
    leftMs,
    unknown: 0,
    maybe: false,
    ...other,
  })
  const progress = (stage: string, secondsLeft: number): RunEvent => ({
    type: 'stage-progress',
    stage,
    phase: 'train',
    step: 1,
    steps: 2,
    secondsLeft,
  })

  it('is the stages that are done and the time that is left, as far as it is known', () => {
    expect(after(0, [started(3)])).to.equal('0 of 3 stages')
    expect(after(30, [started(3, estimate), failed('a'), skipped('b', 'a')])).to.equal('2 of 3 stages, about 1:10 left')
    expect(after(30, [started(3, { ...estimate, leastMs: 0 })])).to.equal('0 of 3 stages, at most about 1:10 left')
    expect(after(30, [started(3, { ...estimate, unknown: 1 })])).to.equal('0 of 3 stages, at least 1:10 left')
    expect(after(130, [started(3, estimate)])).to.equal('0 of 3 stages, longer than expected')
    expect(after(99.6, [started(3, estimate)])).to.equal('0 of 3 stages, less than 1 s left')
  })

  it('says where nothing is known, and names no time', () => {
    const nothing = { ...estimate, leastMs: 0, mostMs: 0, unknown: 3 }
    expect(after(1, [started(3, nothing)])).to.equal('0 of 3 stages, how much longer is not known yet')
    // Not that it is less than a second: stages are to come of which nothing is known.
    expect(after(1, [started(3, nothing), progress('a', 0.4)])).to.equal(
      '0 of 3 stages, how much longer is not known yet',
    )
    expect(after(130, [started(3, { ...estimate, unknown: 1 })])).to.equal(
      '0 of 3 stages, how much longer is not known yet',
    )
  })

  it('goes by what was learned last, and is never less than what a running stage has left', () => {
    expect(after(30, [started(3, estimate), left(5_000)])).to.equal('0 of 3 stages, about 5.0 s left')
    expect(after(30, [started(3, estimate), left(5_000, { maybe: true })])).to.equal(
      '0 of 3 stages, at most about 5.0 s left',
    )
    expect(after(30, [started(3, estimate), left(0, { unknown: 2 }), progress('a', 8)])).to.equal(
      '0 of 3 stages, at least 8.0 s left',
    )
    expect(after(130, [started(3, estimate), progress('a', 2.9)])).to.equal('0 of 3 stages, about 2.9 s left')
    expect(after(130, [started(3, estimate), progress('a', 2.9), failed('a')])).to.equal(
      '1 of 3 stages, longer than expected',
    )
  })

  it('is said of a phase until its last step', () => {
    const line = (step: number, secondsLeft: number): string | undefined =>
      linesOf(
        (output) => liveRenderer(output, false),
        [{ type: 'stage-progress', stage: 'a', phase: 'train', step, steps: 10, secondsLeft }],
      ).at(-1)
    expect(line(3, 42)).to.equal('  a  train  step 3/10  42.0 s left')
    expect(line(9, 0.3)).to.equal('  a  train  step 9/10  less than 1 s left')
    expect(line(10, 0)).to.equal('  a  train  step 10/10')
  })

  it('counts a stage that is made again once', () => {
    expect(after(0, [started(2), failed('a'), failed('a')])).to.equal('1 of 2 stages')
  })

  it('is nothing of one stage, nor at the end', () => {
    expect(after(0, [started(1)])).to.equal(undefined)
    expect(after(0, [started(3), finished()])).to.equal(undefined)
  })

  it('stands below the running stages of a terminal, and goes with the last of them', () => {
    const lines = linesOf(
      (output) => liveRenderer(output, false),
      [
        started(2),
        { type: 'stage-started', stage: 'a', kind: 'stage', fingerprint: '', reasons: [], threads: 1, resumes: false },
        { type: 'stage-progress', stage: 'a', phase: 'count', step: 1, steps: 2 },
        failed('a'),
      ],
    )
    expect(lines.filter((line) => line === '  0 of 2 stages')).to.have.length(2)
    expect(lines.at(-1)).to.match(/^✗ a /)
  })
})

describe('a run as JSON', () => {
  it('has every event, however many are alike', () => {
    const events = numbers(100).map((n) => skipped(`a[n=${n}]`, 'b'))
    const lines = linesOf((output) => jsonRenderer(output, false), events)
    expect(lines.map((line) => JSON.parse(line) as unknown)).to.deep.equal(events)
  })
})
