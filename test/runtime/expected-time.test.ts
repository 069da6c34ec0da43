import { expect } from 'chai'
import type { StageNode } from '../../src/dsl/nodes.js'
import { ExpectedTimes } from '../../src/runtime/records/estimate.js'
import { machineKey, paramsKey, type StageTime, wholeKey } from '../../src/runtime/records/stage-times.js'
import { workOf } from '../../src/runtime/records/stage-work.js'
import { imageWork } from '../../src/stages/image-work.js'

const machine = { processor: 'Abacus', cores: 2 }
const here = { definition: 'paper', engine: { engine: 'onnxruntime', device: 'cpu' }, machine }

const data = (take: number | null): StageNode => ({ kind: 'data', name: 'data', params: { take }, inputs: {} })
const teacher = (epochs: number, from = data(100), name = 'teacher'): StageNode => ({
  kind: 'teacher',
  name,
  params: { train: { epochs } },
  inputs: { data: from },
})

const unknown = (): undefined => undefined
const kindOf = (node: StageNode) => ({ usesEngine: node.kind === 'teacher', work: imageWork })

/** A stage that spent all of its time in the steps of its training, where nothing else is said. */
const time = (node: StageNode, ms: number, other: Partial<StageTime> = {}): StageTime => ({
  kind: node.kind,
  stage: node.name,
  definition: 'paper',
  params: paramsKey(node),
  whole: wholeKey(node),
  work: workOf({ node, kind: kindOf(node) }, unknown),
  phases: [{ phase: 'train', ms, growsWith: 'epochs' }],
  engine: node.kind === 'teacher' ? 'onnxruntime/cpu' : null,
  machine: machineKey(machine),
  fingerprint: '',
  ms,
  end: 'finished',
  resumes: false,
  ...other,
})

const expected = (times: readonly StageTime[], node: StageNode): number | undefined =>
  new ExpectedTimes(() => times, here, unknown).expected({ node, kind: kindOf(node) })?.ms

describe('the expected time of a stage', () => {
  it('is the median of what the same stage took, and of the last seven times only', () => {
    const took = (...ms: readonly number[]): readonly StageTime[] => ms.map((each) => time(teacher(6), each))
    expect(expected(took(10, 50, 20), teacher(6))).to.equal(20)
    expect(expected(took(10, 20), teacher(6))).to.equal(15)
    expect(expected(took(9, 9, 9, 9, 9, 9, 1, 1, 1, 1, 1, 1, 1), teacher(6))).to.equal(1)
  })

  it('prefers the same stage to one of the same parameters, that to its name, and its name to its kind', () => {
    const kind = time(teacher(3, data(100), 'other'), 300, { definition: 'elsewhere' })
    const named = time(teacher(3), 30)
    const params = time(teacher(6, data(200)), 8, { definition: 'elsewhere', stage: 'other' })
    const same = time(teacher(6), 5)
    expect(expected([same, params, named, kind], teacher(6))).to.equal(5)
    expect(expected([params, named, kind], teacher(6)), 'half as many images').to.equal(4)
    expect(expected([named, kind], teacher(6)), 'twice as many epochs').to.equal(60)
    expect(expected([kind], teacher(6))).to.equal(600)
    expect(expected([time(data(100), 5)], teacher(6))).to.equal(undefined)
  })

  it('takes no time of another engine, and of another machine only where this one has none', () => {
    expect(expected([time(teacher(6), 5, { engine: 'onnxruntime/cuda' })], teacher(6))).to.equal(undefined)
    const elsewhere = time(teacher(6), 5, { machine: 'Other|64' })
    expect(expected([elsewhere], teacher(6))).to.equal(5)
    expect(expected([elsewhere, time(teacher(6), 50)], teacher(6))).to.equal(50)
  })

  it('scales what was spent in steps by epochs, and takes the rest as it is', () => {
    const phases = [
      { phase: 'train', ms: 500, growsWith: 'epochs' },
      { phase: 'evaluate', ms: 100, growsWith: 'testImages' },
    ] as const
    // Starting and compiling took 400 ms of these 1 000.
    const before = time(teacher(1), 1_000, { phases })
    expect(expected([before], teacher(1))).to.equal(1_000)
    expect(expected([before], teacher(8)), 'eight times as many epochs').to.equal(400 + 8 * 500 + 100)
    expect(expected([before], teacher(1, data(10))), 'a tenth of the images').to.equal(400 + 50 + 100)
    expect(expected([time(teacher(1), 1_000, { phases: [] })], teacher(8)), 'without steps').to.equal(1_000)
  })

  it('counts images where the headers of their files tell how many there are', () => {
    const whole = teacher(1, data(null))
    const counts = { train: 60_000, test: 10_000, validation: 0 }
    const before = time(teacher(1), 100, {
      work: workOf({ node: teacher(1), kind: kindOf(whole) }, () => ({ ...counts, train: 100, test: 1_000 })),
      phases: [
        { phase: 'train', ms: 10, growsWith: 'epochs' },
        { phase: 'evaluate', ms: 50, growsWith: 'testImages' },
      ],
    })
    const times = new ExpectedTimes(
      () => [before],
      here,
      () => counts,
    )
    expect(times.expected({ node: whole, kind: kindOf(whole) })?.ms).to.equal(40 + 600 * 10 + 10 * 50)
  })

  it('is known at once, by however many ways a stage is joined to its data', () => {
    const joined = (from: StageNode, others: StageNode, left: number): StageNode =>
      left === 0
        ? from
        : joined({ kind: 'stage', name: `${left}`, params: {}, inputs: { from, others } }, from, left - 1)
    const node = joined(teacher(1, data(null)), data(null), 100)
    const times = [time(node, 10, { phases: [] })]
    expect(expected(times, node)).to.equal(10)
    expect(workOf({ node: joined(node, data(70), 1), kind: kindOf(node) }, unknown).images).to.equal(70)
  })

  it('grows with the model by that share of the time alone that goes into multiply-accumulates', () => {
    const node = (embedDim: number): StageNode => ({
      kind: 'teacher',
      name: 'teacher',
      params: {
        model: {
          imageSize: 28,
          patchSize: 7,
          channels: 1,
          numClasses: 10,
          embedDim,
          depth: 3,
          numHeads: 3,
          mlpRatio: 4,
          layerNormEps: 1e-6,
        },
      },
      inputs: { data: data(10_000) },
    })
    const macs = (embedDim: number): number => imageWork(node(embedDim))!.macs
    const ratio = macs(96) / macs(24)
    expect(ratio).to.be.within(12, 16)
    // Forward and back, at 40 multiply-accumulates a nanosecond.
    const computing = (10_000 * 3 * macs(24)) / 4e7
    const wide = (ms: number): number => expected([time(node(24), ms)], node(96))!
    expect(wide(computing / 2), 'nothing else').to.be.closeTo((ratio * computing) / 2, ratio)
    expect(wide(10 * computing), 'a tenth').to.be.closeTo((9 + ratio) * computing, ratio)
  })

  it('is learned from stages that ended a moment ago', () => {
    const times = new ExpectedTimes(() => [], here, unknown)
    const node = teacher(2)
    expect(times.expected({ node, kind: kindOf(node) })).to.equal(undefined)
    times.learn(time(teacher(1, data(100), 'other'), 100))
    expect(times.expected({ node, kind: kindOf(node) })?.ms).to.equal(200)
  })

  it('reads no history before it is asked for', () => {
    let read = 0
    const times = new ExpectedTimes(
      () => {
        read += 1
        return []
      },
      here,
      unknown,
    )
    expect(read).to.equal(0)
    for (let count = 0; count < 3; count++) times.expected({ node: data(1), kind: kindOf(data(1)) })
    expect(read).to.equal(1)
  })

  it('is found in no time among ten thousand stages', () => {
    const nodes = Array.from({ length: 10_000 }, (_, index) => teacher(1 + (index % 7), data(100), `t${index}`))
    const times = new ExpectedTimes(() => nodes.map((node, index) => time(node, index)), here, unknown)
    const began = performance.now()
    for (const node of nodes) times.expected({ node, kind: kindOf(node) })
    expect(performance.now() - began).to.be.below(10_000)
  })
})
