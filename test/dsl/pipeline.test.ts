import { expect } from 'chai'
import { isPipeline, mnist, pipeline, toPipelineNode, vit, type PipelineNode, type StageNode } from '../../src/index.js'

const taught = pipeline('family', { seed: 7 })
  .data(mnist({ take: 100 }))
  .teacher(vit({ embedDim: 48, depth: 6, numHeads: 3 }), { epochs: 2 })

const students = {
  wide: { embedDim: 48, depth: 6, numHeads: 3 },
  mid: { embedDim: 36, depth: 6, numHeads: 3 },
  tiny: { embedDim: 24, depth: 6, numHeads: 3 },
} as const

const whole = (): PipelineNode =>
  taught.distill(students, { epochs: 2 }).pool().stitch({ from: 'tiny', to: 'wide' }, { epochs: 1 }).evaluate()

const stageOf = (node: PipelineNode, name: string): StageNode => node.stages.find((stage) => stage.name === name)!

const assertFrozen = (value: unknown, path: string): void => {
  if (typeof value !== 'object' || value === null) return
  expect(Object.isFrozen(value), `${path} is frozen`).to.equal(true)
  for (const [key, part] of Object.entries(value)) assertFrozen(part, `${path}.${key}`)
}

describe('a pipeline', () => {
  it('lists its stages with every input before what reads it', () => {
    const { name, seed, stages } = whole()
    expect({ name, seed }).to.deep.equal({ name: 'family', seed: 7 })
    const names = [
      'data',
      'teacher',
      'distill/wide',
      'distill/mid',
      'distill/tiny',
      'pool',
      'pool/tiny+wide',
      'stitch',
      'evaluate',
    ]
    expect(stages.map((stage) => stage.name)).to.deep.equal(names)
    for (const [index, stage] of stages.entries()) {
      for (const input of Object.values(stage.inputs)) expect(stages.indexOf(input)).to.be.within(0, index - 1)
    }
  })

  it('has each stage once: inputs are the very nodes of the list', () => {
    const node = whole()
    const [data, teacher, pool, stitch] = ['data', 'teacher', 'pool/tiny+wide', 'stitch'].map((name) =>
      stageOf(node, name),
    )
    expect(stageOf(node, 'distill/tiny').inputs).to.deep.equal({ data, teacher })
    expect(stitch!.inputs['data']).to.equal(data)
    expect(stitch!.inputs['teacher']).to.equal(teacher)
    expect(stitch!.inputs['pool']).to.equal(pool)
    expect(stageOf(node, 'evaluate').inputs['stitch']).to.equal(stitch)
    expect(pool!.inputs['tiny']).to.equal(stageOf(node, 'distill/tiny'))
  })

  it('names students in the pool narrowest first, in whatever order they are written', () => {
    const node = whole()
    expect(stageOf(node, 'pool').params).to.deep.equal({ students: ['tiny', 'mid', 'wide'] })
    expect(Object.keys(stageOf(node, 'pool').inputs)).to.deep.equal(['tiny', 'mid', 'wide'])
  })

  it('stitches from a pool of the two students alone, which is the whole pool where there are no others', () => {
    expect(stageOf(whole(), 'stitch').inputs['pool']!.params).to.deep.equal({ students: ['tiny', 'wide'] })
    const { mid: _, ...two } = students
    const node = taught.distill(two, { epochs: 2 }).pool().stitch({ from: 'tiny', to: 'wide' }, { epochs: 1 }).toNode()
    expect(stageOf(node, 'stitch').inputs['pool']).to.equal(stageOf(node, 'pool'))
  })

  it('is frozen JSON data through and through', () => {
    const node = whole()
    assertFrozen(node, 'pipeline')
    expect(JSON.parse(JSON.stringify(node))).to.deep.equal(node)
  })

  it('is not changed by being continued', () => {
    const before = taught.toNode()
    taught.distill({ one: { embedDim: 24, depth: 6, numHeads: 3 } }, { epochs: 1 })
    expect(taught.toNode()).to.deep.equal(before)
    expect(() => Object.assign(taught, { definition: null })).to.throw(TypeError)
  })

  it('shares nodes with every other pipeline that begins with the same steps', () => {
    const other = taught.distill({ tiny: { embedDim: 24, depth: 6, numHeads: 3 } }, { epochs: 5 }).toNode()
    expect(stageOf(other, 'teacher')).to.equal(stageOf(whole(), 'teacher'))
  })

  it('gives its seed to every stage that trains, and not to the data', () => {
    const seeds = whole().stages.map(({ params }) => ('seed' in params ? params.seed : null))
    expect(seeds).to.deep.equal([0, 7, 7, 7, 7, null, null, 7, null])
  })

  it('says where each of its stages was written', () => {
    const lines = whole().stages.map(({ place }) => place?.line)
    expect(lines[0]).to.be.a('number')
    expect(lines[1]).to.equal(lines[0]! + 1)
  })

  it('may stop after any step: builders and nodes are both recognised', () => {
    const pool = taught.distill(students, { epochs: 2 }).pool()
    expect(toPipelineNode(taught)?.stages).to.have.length(2)
    expect(toPipelineNode(pool)?.stages).to.have.length(6)
    const node = whole()
    expect(toPipelineNode(node)).to.equal(node)
    expect([taught, pool, node].every(isPipeline)).to.equal(true)
    const strangers = [
      undefined,
      null,
      1,
      'pipeline',
      {},
      { kind: 'pipeline' },
      () => node,
      mnist(),
      { toNode: () => 1 },
    ]
    for (const stranger of strangers) expect(toPipelineNode(stranger)).to.equal(undefined)
  })
})
