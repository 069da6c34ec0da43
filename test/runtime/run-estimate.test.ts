import { expect } from 'chai'
import type { StageNode } from '../../src/dsl/nodes.js'
import type { PlannedStage } from '../../src/runtime/events.js'
import type { PreparedStage } from '../../src/runtime/plan/prepare.js'
import { type EstimatedStage, estimateRun, makespan } from '../../src/runtime/records/estimate.js'

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
  const tenSeconds = { expectedMs: () => 10_000 }

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
    const expectedMs = (): never => {
      throw new Error('asked')
    }
    expect(estimateRun(stages, planned({ status: 'cached' }), { expectedMs }, options)).to.equal(undefined)
  })

  it('counts stages of which nothing is known', () => {
    const estimate = estimateRun(stages, planned({}), { expectedMs: () => undefined }, options)
    expect(estimate).to.include({ leastMs: 0, mostMs: 0, unknown: 1 })
  })
})
