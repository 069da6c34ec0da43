import { expect } from 'chai'
import type { Json } from '../../src/dsl/nodes.js'
import { comparisonFor, judge } from '../../src/runtime/certify/verdict.js'
import { drawStages } from '../../src/runtime/certify/certify.js'
import type { RecordedEnvironment } from '../../src/runtime/records/run-environment.js'
import type { Manifest } from '../../src/runtime/store/store.js'
import { compareFigures, parseTolerances } from '../../src/runtime/certify/tolerance.js'

type Summary = Readonly<Record<string, Json>>

const artifact = (summary: Summary, files: Readonly<Record<string, string>> = { a: '1' }): Manifest =>
  ({
    summary,
    files: Object.fromEntries(Object.entries(files).map(([name, sha256]) => [name, { sha256, bytes: 1 }])),
  }) as unknown as Manifest

describe('a drawn sample', () => {
  it('has one of each stretch of the order, so the last are not always missed', () => {
    for (let seed = 0; seed < 50; seed++) {
      const drawn = drawStages(100, 4, seed)
      drawn.forEach((index, stretch) => expect(index).to.be.within(25 * stretch, 25 * stretch + 24))
    }
    const last = new Set(Array.from({ length: 200 }, (_, seed) => drawStages(7, 2, seed)[1]))
    expect([...last].sort()).to.deep.equal([3, 4, 5, 6])
  })

  it('is the same for the same seed, and all where no fewer are wanted', () => {
    expect(drawStages(1_000, 10, 7)).to.deep.equal(drawStages(1_000, 10, 7))
    expect(drawStages(1_000, 10, 7)).not.to.deep.equal(drawStages(1_000, 10, 8))
    expect(drawStages(3, 5, 1)).to.deep.equal([0, 1, 2])
  })
})

describe('a tolerance', () => {
  const within = (stored: Summary, now: Summary, named = ''): readonly boolean[] =>
    compareFigures(stored, now, named === '' ? {} : parseTolerances(named)!).map(({ isWithin }) => isWithin)

  it('is half a point of shares, one in a hundred of other figures and nothing of counts, unless it is named', () => {
    expect(within({ top1: 0.9, bestTop1: 0.9 }, { top1: 0.904, bestTop1: 0.906 })).to.deep.equal([true, false])
    expect(within({ loss: 2.5, other: 2.5 }, { loss: 2.52, other: 2.53 })).to.deep.equal([true, false])
    expect(within({ params: 1_000 }, { params: 1_001 })).to.deep.equal([false])
    expect(within({ params: 1_000 }, { params: 1_001 }, 'params=1')).to.deep.equal([true])
    expect(within({ top1: 0.9 }, { top1: 0.904 }, 'top1=0.002')).to.deep.equal([false])
    expect(within({ loss: 2.5, params: 100 }, { loss: 2.6, params: 104 }, '*=5%')).to.deep.equal([true, true])
  })

  it('reaches into lists by a name or by the whole place; words have to be the same', () => {
    const [before, now] = [
      { all: [{ top1: 0.5 }], best: 'a' },
      { all: [{ top1: 0.51 }], best: 'a' },
    ]
    expect(within(before, now)).to.deep.equal([false, true])
    expect(within(before, now, 'top1=0.02')).to.deep.equal([true, true])
    expect(within(before, now, 'all.0.top1=3%')).to.deep.equal([true, true])
    expect(within({ best: 'a' }, { best: 'b' })).to.deep.equal([false])
    expect(within({ loss: 1 }, {})).to.deep.equal([false])
  })

  it('is read as it is written, or not at all', () => {
    expect(parseTolerances('top1=0.002, loss=1%,x=0')).to.deep.equal({
      top1: { type: 'absolute', within: 0.002 },
      loss: { type: 'relative', within: 0.01 },
      x: { type: 'exact' },
    })
    for (const wrong of ['', 'top1', 'top1=', 'top1=a', 'top1=1,,', '=1', 'top1=-1']) {
      expect(parseTolerances(wrong), wrong).to.equal(undefined)
    }
  })
})

describe('what is compared', () => {
  const cpu = { engine: 'onnxruntime', device: 'cpu', versions: { 'onnxruntime-node': '1' } }
  const here = { engine: cpu, machine: { processor: 'Abacus', cores: 2 } }
  const platform = `${process.platform}-${process.arch}`
  const of = (
    engine: typeof cpu | null,
    { onMachine = false, now = here, madeOn = platform, processor = 'Abacus' } = {},
  ) =>
    comparisonFor({ onMachine }, { identity: { engine }, made: { platform: madeOn } } as unknown as Manifest, now, {
      machine: { processor },
    } as unknown as RecordedEnvironment).of

  it('is every byte where the same engine computes on the same processor, and where no engine does', () => {
    expect(of(cpu)).to.equal('bytes')
    expect(of(null, { processor: 'Other', madeOn: 'other' })).to.equal('bytes')
  })

  it('is every figure on another machine, with another engine or version, and on a GPU', () => {
    expect(of(cpu, { processor: 'Other' })).to.equal('figures')
    expect(of(cpu, { madeOn: 'other-arm64' })).to.equal('figures')
    expect(of({ ...cpu, engine: 'tensorflow' })).to.equal('figures')
    expect(of({ ...cpu, versions: { 'onnxruntime-node': '2' } })).to.equal('figures')
    const cuda = { ...cpu, device: 'cuda' }
    expect(of(cuda, { now: { ...here, engine: cuda } })).to.equal('figures')
  })

  it('is the shape of what measures time', () => {
    expect(of(cpu, { onMachine: true })).to.equal('shape')
    const judged = (now: Summary) =>
      judge(artifact({ ms: 3 }), artifact(now, { a: '2' }), { of: 'shape', why: '' }, {}, () => ['', '']).verdict
    expect(judged({ ms: 70 })).to.equal('same-shape')
    expect(judged({ seconds: 70 })).to.equal('differs')
  })

  it('needs the same files where figures count', () => {
    const figures = { of: 'figures', why: '' } as const
    const judged = judge(artifact({ top1: 0.5 }), artifact({ top1: 0.5 }, { b: '1' }), figures, {}, () => ['', ''])
    expect(judged).to.deep.include({ verdict: 'differs', difference: { type: 'missing-file', file: 'a' } })
  })

  it('names the first figure that is beyond its tolerance, not the first that differs', () => {
    const figures = { of: 'figures', why: '' } as const
    const judged = judge(artifact({ top1: 0.5, loss: 2 }), artifact({ top1: 0.501, loss: 3 }), figures, {}, () => [
      '',
      '',
    ])
    const difference = { type: 'summary', figure: 'loss', stored: 2, now: 3 }
    expect(judged).to.deep.include({ verdict: 'differs', difference })
    const near = judge(artifact({ top1: 0.5 }), artifact({ top1: 0.501 }), figures, {}, () => ['', ''])
    expect(near.verdict).to.equal('within-tolerance')
    const exact = judge(artifact({ top1: 0.5 }), artifact({ top1: 0.501 }), { of: 'bytes' }, {}, () => ['', ''])
    expect(exact.verdict).to.equal('differs')
  })
})
