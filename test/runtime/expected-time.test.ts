import { expect } from 'chai'
import type { StageNode } from '../../src/dsl/nodes.js'
import { ExpectedTimes } from '../../src/runtime/records/estimate.js'
import { machineKey, paramsKey, type StageTime, wholeKey, workOf } from '../../src/runtime/records/stage-times.js'

const machine = { processor: 'Abacus', cores: 2 }
const here = { definition: 'paper', engine: { engine: 'onnxruntime', device: 'cpu' }, machine }

const data = (take: number | null): StageNode => ({ kind: 'data', name: 'data', params: { take }, inputs: {} })
const teacher = (epochs: number, from = data(100), name = 'teacher'): StageNode => ({
  kind: 'teacher',
  name,
  params: { train: { epochs } },
  inputs: { data: from },
})

const time = (node: StageNode, ms: number, other: Partial<StageTime> = {}): StageTime => ({
  kind: node.kind,
  stage: node.name,
  definition: 'paper',
  params: paramsKey(node),
  whole: wholeKey(node),
  work: workOf(node),
  engine: node.kind === 'teacher' ? 'onnxruntime/cpu' : null,
  machine: machineKey(machine),
  fingerprint: '',
  ms,
  end: 'finished',
  resumes: false,
  ...other,
})

const expected = (times: readonly StageTime[], node: StageNode): number | undefined =>
  new ExpectedTimes(() => times, here).expectedMs({ node, kind: { usesEngine: node.kind === 'teacher' } })

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

  it('scales by the multiply-accumulates of the model', () => {
    const model = (embedDim: number) => ({
      imageSize: 28,
      patchSize: 7,
      channels: 1,
      numClasses: 10,
      embedDim,
      depth: 3,
      numHeads: 3,
      mlpRatio: 4,
      layerNormEps: 1e-6,
    })
    const node = (embedDim: number): StageNode => ({
      kind: 'teacher',
      name: 'teacher',
      params: { model: model(embedDim) },
      inputs: {},
    })
    const wide = expected([time(node(24), 100)], node(96))!
    expect(wide).to.be.within(1_200, 1_600)
  })

  it('reads no history before it is asked for', () => {
    let read = 0
    const times = new ExpectedTimes(() => {
      read += 1
      return []
    }, here)
    expect(read).to.equal(0)
    for (let count = 0; count < 3; count++) times.expectedMs({ node: data(1), kind: { usesEngine: false } })
    expect(read).to.equal(1)
  })

  it('is found in no time among ten thousand stages', () => {
    const nodes = Array.from({ length: 10_000 }, (_, index) => teacher(1 + (index % 7), data(100), `t${index}`))
    const times = new ExpectedTimes(() => nodes.map((node, index) => time(node, index)), here)
    const began = performance.now()
    for (const node of nodes) times.expectedMs({ node, kind: { usesEngine: true } })
    expect(performance.now() - began).to.be.below(10_000)
  })
})
