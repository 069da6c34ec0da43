import { expect } from 'chai'
import { isSuite, mnist, pipeline, suite, vit, type PipelineNode, type SuiteNode } from '../../src/index.js'

const data = (name = 'cell') => pipeline(name).data(mnist({ take: 10 }))
const namesOf = ({ cells }: SuiteNode): readonly string[] => cells.map(({ name }) => name)

describe('a suite', () => {
  it('has a cell for every combination, once a seed; the first axis turns slowest, the seed fastest', () => {
    const made = suite('s', { init: ['learned', 'random'], depth: [6, 9] }, () => data(), { seeds: 2 })
    expect(namesOf(made)).to.deep.equal([
      'init=learned,depth=6,seed=0',
      'init=learned,depth=6,seed=1',
      'init=learned,depth=9,seed=0',
      'init=learned,depth=9,seed=1',
      'init=random,depth=6,seed=0',
      'init=random,depth=6,seed=1',
      'init=random,depth=9,seed=0',
      'init=random,depth=9,seed=1',
    ])
    expect(made).to.deep.include({ kind: 'suite', name: 's', seeds: [0, 1] })
    expect(made.axes).to.deep.equal({ init: ['learned', 'random'], depth: [6, 9] })
    expect(made.cells[2]).to.deep.include({ at: { init: 'learned', depth: 9 }, seed: 0 })
  })

  it('gives build one value of each axis and the seed', () => {
    const seen: unknown[] = []
    suite(
      's',
      { on: [true, false], size: { small: { d: 1 }, large: { d: 2 } } },
      (cell) => {
        seen.push(cell)
        return data()
      },
      { seeds: [7] },
    )
    expect(seen).to.deep.equal([
      { on: true, size: { d: 1 }, seed: 7 },
      { on: true, size: { d: 2 }, seed: 7 },
      { on: false, size: { d: 1 }, seed: 7 },
      { on: false, size: { d: 2 }, seed: 7 },
    ])
  })

  it('calls the values of a record by their labels', () => {
    const made = suite('s', { size: { small: { d: 1 }, large: () => 2 } }, () => data())
    expect(namesOf(made)).to.deep.equal(['size=small,seed=0', 'size=large,seed=0'])
    expect(made.axes).to.deep.equal({ size: ['small', 'large'] })
  })

  it('takes a builder stopped at any step, or its node', () => {
    const made = suite('s', { node: [true, false] }, ({ node }) => (node ? data().toNode() : data()))
    const kinds = made.cells.map((cell) => cell.pipeline.kind)
    expect(kinds).to.deep.equal(['pipeline', 'pipeline'])
  })

  it('puts the axes into the parameters of each cell', () => {
    const made = suite('s', { alpha: [0.1, 0.9], positions: ['end', 'mid+end'] }, ({ alpha, positions, seed }) =>
      pipeline('cell', { seed })
        .data(mnist())
        .teacher(vit({ embedDim: 12, depth: 3, numHeads: 3, patchSize: 14 }), { epochs: 1 })
        .distill({ tiny: { embedDim: 6, depth: 3, numHeads: 3, positions } }, { epochs: 1, alpha }),
    )
    const students = made.cells.map(({ pipeline: { stages } }) => stages.find(({ kind }) => kind === 'distill')?.params)
    expect(students[3]).to.deep.include({ alpha: 0.9, positions: 'mid+end', seed: 0 })
    expect(students[0]).to.deep.include({ alpha: 0.1, positions: 'end' })
  })

  describe('leaves out', () => {
    const axes = { init: ['learned', 'random'], depth: [6, 9] } as const

    it('cells for which a function is true; it gets labels and the seed', () => {
      const made = suite('s', axes, () => data(), {
        seeds: 2,
        exclude: ({ init, depth, seed }) => init === 'random' && (depth === 9 || seed === 1),
      })
      expect(namesOf(made).filter((name) => name.startsWith('init=random'))).to.deep.equal([
        'init=random,depth=6,seed=0',
      ])
    })

    it('cells for which a function gives what counts as true', () => {
      const text = ({ init }: { readonly init: string }) => (init === 'random' ? 'too slow' : '')
      const made = suite('s', axes, () => data(), { exclude: text as unknown as () => boolean })
      expect(namesOf(made)).to.deep.equal(['init=learned,depth=6,seed=0', 'init=learned,depth=9,seed=0'])
    })

    it('cells that agree with a listed one in all that it names', () => {
      const made = suite('s', axes, () => data(), { seeds: 2, exclude: [{ init: 'random', seed: 1 }, { depth: 9 }] })
      expect(namesOf(made)).to.deep.equal([
        'init=learned,depth=6,seed=0',
        'init=learned,depth=6,seed=1',
        'init=random,depth=6,seed=0',
      ])
    })

    it('none of those that are included after that; without a seed, once a seed', () => {
      const made = suite('s', axes, () => data(), {
        seeds: [3, 4],
        exclude: [{ init: 'random' }, { depth: 9 }],
        include: [
          { init: 'random', depth: 9 },
          { depth: 6, init: 'random', seed: 4 },
        ],
      })
      expect(namesOf(made).slice(2)).to.deep.equal([
        'init=random,depth=9,seed=3',
        'init=random,depth=9,seed=4',
        'init=random,depth=6,seed=4',
      ])
    })

    it('without building it', () => {
      const built: string[] = []
      suite(
        's',
        axes,
        ({ init }) => {
          built.push(init)
          return data()
        },
        { exclude: [{ init: 'random' }] },
      )
      expect(built).to.deep.equal(['learned', 'learned'])
    })
  })

  it('is frozen through and through, and knows where it was written', () => {
    const made = suite('s', { n: [1] }, () => data())
    const parts = [made, made.axes, made.axes['n'], made.seeds, made.cells, made.cells[0], made.cells[0]?.at]
    expect(parts.every(Object.isFrozen)).to.be.true
    expect(made.place?.file).to.match(/suite\.test\.ts$/)
  })

  it('is told from everything else by its shape', () => {
    const made = suite('s', { n: [1] }, () => data())
    expect(isSuite(made)).to.be.true
    expect(isSuite(structuredClone(made))).to.be.true
    const others = [data(), data().toNode(), null, 'suite', { kind: 'suite' }, { ...made, cells: [{ name: 'x' }] }]
    expect(others.map(isSuite)).to.deep.equal(others.map(() => false))
  })

  it('keeps its literal types', () => {
    const made = suite(
      's',
      { init: ['learned', 'random'], width: { a: { d: 6 } } },
      ({ init, width, seed }): PipelineNode => {
        const start: 'learned' | 'random' = init
        const d: 6 = width.d
        const number: number = seed
        return data(`${start}-${d}-${number}`).toNode()
      },
    )
    expect(made.cells.map(({ pipeline: { name } }) => name)).to.deep.equal(['learned-6-0', 'random-6-0'])
  })
})
