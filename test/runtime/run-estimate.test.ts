import { expect } from 'chai'
import type { StageNode } from '../../src/dsl/nodes.js'
import type { PlannedStage, RunEvent } from '../../src/runtime/events.js'
import type { PreparedStage } from '../../src/runtime/plan/prepare.js'
import { type EstimatedStage, estimateRun, type ExpectedTime, makespan } from '../../src/runtime/records/estimate.js'
import { timeLeft } from '../../src/runtime/records/time-left.js'

const stage = (ms: number, after: readonly number[] = [], other: Partial<EstimatedStage> = {}): EstimatedStage => ({
  ms,
  after,
  slot: 'cpu',
  rank: 0,
  ...other,
})

describe('the expected time of a whole run', () => {
  it('is the sum with one slot, the longest path with enough', () => {
    const diamond = [stage(10), stage(20, [0]), stage(30, [0]), stage(5, [1, 2])]
    expect(makespan(diamond, 1)).to.equal(65)
    expect(makespan(diamond, 2)).to.equal(45)
    expect(makespan(diamond, 100)).to.equal(45)
  })

  it('gives a free slot to the lowest rank', () => {
    const short = [stage(10, [], { rank: 3 }), stage(10, [], { rank: 1 }), stage(30, [1], { rank: 2 })]
    expect(makespan(short, 1)).to.equal(50)
    // The one that others wait for goes first: its follower and the other fill two slots.
    expect(makespan([...short, stage(20, [], { rank: 4 })], 2)).to.equal(40)
  })

  it('lets nothing wait for what takes no time', () => {
    const cached = [stage(0), stage(0, [0]), stage(0, [0, 1]), stage(7, [2])]
    expect(makespan(cached, 1)).to.equal(7)
    expect(makespan([stage(0), stage(0, [0])], 1)).to.equal(0)
    expect(makespan([], 1)).to.equal(0)
  })

  it('puts one stage at a time on a GPU, beside those of the processor', () => {
    const gpu = { slot: 'gpu' } as const
    expect(makespan([stage(10, [], gpu), stage(10, [], gpu), stage(15)], 4)).to.equal(20)
  })

  it('puts nothing beside what measures time', () => {
    const alone = { slot: 'alone' } as const
    expect(makespan([stage(10), stage(10, [], alone), stage(10), stage(10, [], alone)], 4)).to.equal(30)
    expect(makespan([stage(5, [], alone), stage(10, [0]), stage(10, [0])], 4)).to.equal(15)
  })

  it('is worked out at once for ten thousand stages', () => {
    const many = Array.from({ length: 10_000 }, (_, index) =>
      stage(1 + (index % 5), index < 100 ? [] : [index - 100, index - 50], { rank: index }),
    )
    const began = performance.now()
    expect(makespan(many, 4)).to.be.at.least(30_000 / 4)
    expect(performance.now() - began).to.be.below(10_000)
  })
})

describe('the estimate of a plan', () => {
  const node: StageNode = { kind: 'teacher', name: 'teacher', params: { train: { epochs: 10 } }, inputs: {} }
  const kind = { usesEngine: true, extends: { at: 'train.epochs', unit: 'epoch' } }
  const stages = [{ node, kind }] as unknown as readonly PreparedStage[]
  const options = { jobs: 2, device: 'cpu', rankOf: () => 0 }
  const planned = (other: Partial<PlannedStage>): readonly PlannedStage[] => [
    { stage: 'teacher', kind: 'teacher', status: 'run', reasons: [], ...other },
  ]
  const tenSeconds = { expected: () => ({ ms: 10_000, phases: new Map<string, number>() }) }

  it('counts what is left of a training that goes on', () => {
    const goesOn = planned({ reasons: [{ type: 'goes-on', at: 6, unit: 'epoch' }] })
    expect(estimateRun(stages, goesOn, tenSeconds, options)).to.include({ leastMs: 4_000, mostMs: 4_000 })
    expect(estimateRun(stages, planned({}), tenSeconds, options)).to.include({ leastMs: 10_000 })
  })

  it('counts what may be cut off only as the most that it takes', () => {
    const maybe = planned({ status: 'maybe' })
    expect(estimateRun(stages, maybe, tenSeconds, options)).to.include({ leastMs: 0, mostMs: 10_000, unknown: 0 })
  })

  it('asks for no time where nothing is to run', () => {
    const expected = (): never => {
      throw new Error('asked')
    }
    expect(estimateRun(stages, planned({ status: 'cached' }), { expected }, options)).to.equal(undefined)
  })

  it('counts stages of which nothing is known', () => {
    const estimate = estimateRun(stages, planned({}), { expected: () => undefined }, options)
    expect(estimate).to.include({ leastMs: 0, mostMs: 0, unknown: 1 })
  })
})

describe('the time that is left of a run', () => {
  const names = ['data', 'teacher', 'small', 'wide']
  const inputs: Readonly<Record<string, readonly string[]>> = {
    teacher: ['data'],
    small: ['teacher'],
    wide: ['teacher'],
  }
  const nodes = new Map<string, StageNode>()
  for (const name of names) {
    const from = Object.fromEntries((inputs[name] ?? []).map((input) => [input, nodes.get(input)!]))
    nodes.set(name, { kind: name, name, params: {}, inputs: from })
  }
  const stages = [...nodes.values()].map((node) => ({ node, kind: {} })) as unknown as readonly PreparedStage[]
  const planned = names.map((stage): PlannedStage => ({
    stage,
    kind: stage,
    status: stage === 'data' ? 'cached' : 'run',
    reasons: [],
  }))
  const inSteps = (train: number, evaluate: number) =>
    new Map([
      ['train', train],
      ['evaluate', evaluate],
    ])
  const history: Readonly<Record<string, ExpectedTime>> = {
    teacher: { ms: 10_000, phases: inSteps(7_000, 1_000) },
    small: { ms: 3_000, phases: inSteps(2_000, 500) },
    wide: { ms: 4_000, phases: inSteps(3_000, 500) },
  }
  /** Tells events at these milliseconds; gives what was told in turn. */
  const told = (
    known: readonly string[],
    jobs: number,
    events: readonly (readonly [ms: number, event: RunEvent])[],
  ) => {
    const heard: Extract<RunEvent, { type: 'run-progress' }>[] = []
    let now = 0
    const times = {
      expected: ({ node }: { readonly node: StageNode }) =>
        known.includes(node.name) ? history[node.name] : undefined,
    }
    const options = { jobs, device: 'cpu', rankOf: () => 0 }
    const emit = (event: RunEvent): void => void (event.type === 'run-progress' && heard.push(event))
    const hear = timeLeft(stages, planned, times, options, emit, () => now)
    for (const [ms, event] of events) {
      now = ms
      hear(event)
    }
    return heard
  }
  const started = (stage: string): RunEvent => ({
    type: 'stage-started',
    stage,
    kind: stage,
    fingerprint: '',
    reasons: [],
    threads: 1,
    resumes: false,
  })
  const progress = (stage: string, phase: string, secondsLeft?: number): RunEvent => ({
    type: 'stage-progress',
    stage,
    phase,
    step: 1,
    steps: 10,
    ...(secondsLeft !== undefined && { secondsLeft }),
  })
  const finished = (stage: string): RunEvent => ({
    type: 'stage-finished',
    stage,
    kind: stage,
    fingerprint: '',
    content: '',
    summary: {},
    ms: 1,
    unchanged: false,
  })

  it('counts phases that take turns epoch by epoch together, but after the last epoch', () => {
    const at = (phase: string, epoch: number, secondsLeft: number): RunEvent => ({
      ...(progress('teacher', phase, secondsLeft) as Extract<RunEvent, { type: 'stage-progress' }>),
      epoch,
      epochs: 3,
    })
    const heard = told([], 1, [
      [0, started('teacher')],
      [2_000, at('train', 1, 20)],
      [4_000, at('validate', 1, 2)],
      [6_000, at('train', 2, 10)],
      [8_000, at('validate', 3, 1)],
    ])
    expect(heard.map(({ leftMs }) => leftMs)).to.deep.equal([20_000, 22_000, 12_000, 1_000])
  })

  it('is what is expected until a phase reports, then what its steps say and the later phases are expected to take', () => {
    const heard = told(names, 1, [
      [0, started('teacher')],
      [2_000, progress('teacher', 'train')],
      // Twice as slow as expected.
      [4_000, progress('teacher', 'train', 12)],
      [16_000, progress('teacher', 'evaluate', 1.5)],
      [18_000, finished('teacher')],
      [18_000, started('small')],
    ])
    expect(heard.map(({ leftMs }) => leftMs)).to.deep.equal([
      8_000 + 7_000,
      12_000 + 1_000 + 7_000,
      1_500 + 7_000,
      3_000 + 4_000,
    ])
    expect(heard.every(({ unknown, maybe }) => unknown === 0 && !maybe)).to.equal(true)
  })

  it('counts stages side by side, and stages of which nothing is known', () => {
    const heard = told(['small'], 2, [
      [0, started('teacher')],
      [5_000, progress('teacher', 'train', 30)],
      [6_000, finished('teacher')],
      [6_000, started('wide')],
      [6_000, started('small')],
      [8_000, progress('wide', 'train', 9)],
    ])
    expect(heard.map(({ leftMs, unknown }) => [leftMs, unknown])).to.deep.equal([
      [33_000, 2],
      [3_000, 1],
      [9_000, 1],
    ])
  })

  it('is told once a second at most', () => {
    const events = Array.from({ length: 50 }, (_, index) => [100 * index, progress('teacher', 'train', 9)] as const)
    expect(told(names, 1, [[0, started('teacher')], ...events])).to.have.length(4)
  })
})
