import * as Effect from 'effect/Effect'
import { expect } from 'chai'
import type { AxisLabel, CellNode, StageNode, SuiteNode } from '../../src/dsl/nodes.js'
import { stageGraph, type StageGraph } from '../../src/runtime/definition/stage-graph.js'

type Labels = Readonly<Record<string, AxisLabel>>

const stage = (name: string, params: object, inputs: Readonly<Record<string, StageNode>> = {}): StageNode => ({
  kind: name.split('/')[0]!,
  name,
  params,
  inputs,
})

const axes = { init: ['learned', 'random'], positions: ['end', 'mid'] } as const
const seeds = [0, 1]

/** The method in small: data for all, a teacher a seed, a student a position, a stitch a start. */
const method = ({ init, positions, seed }: Labels): readonly StageNode[] => {
  const data = stage('data', { take: 1 })
  const teacher = stage('teacher', { seed: seed! }, { data })
  const student = stage('distill/tiny', { positions: positions!, seed: seed! }, { data, teacher })
  return [data, teacher, student, stage('stitch', { init: init!, seed: seed! }, { student })]
}

const cellOf = (labels: Labels, stages: readonly StageNode[]): CellNode => {
  const { seed, ...at } = labels
  const name = Object.entries({ ...at, seed })
    .map(([axis, label]) => `${axis}=${String(label)}`)
    .join(',')
  return { name, at, seed: Number(seed), pipeline: { kind: 'pipeline', name: 'cell', seed: Number(seed), stages } }
}

const everyCell: readonly Labels[] = axes.init.flatMap((init) =>
  axes.positions.flatMap((positions) => seeds.map((seed) => ({ init, positions, seed }))),
)

const suiteOf = (
  stages: (labels: Labels) => readonly StageNode[],
  cells: readonly Labels[] = everyCell,
): Promise<StageGraph> => {
  const suite: SuiteNode = { kind: 'suite', name: 's', axes, seeds, cells: cells.map((at) => cellOf(at, stages(at))) }
  return Effect.runPromise(stageGraph(suite))
}

const namesOf = (graph: StageGraph): readonly string[] => graph.roots.map(({ name }) => name).sort()

describe("a suite's graph", () => {
  it('has one node for stages that are the same, named after what it depends on', async () => {
    expect(namesOf(await suiteOf(method))).to.deep.equal([
      'data',
      'distill/tiny[positions=end,seed=0]',
      'distill/tiny[positions=end,seed=1]',
      'distill/tiny[positions=mid,seed=0]',
      'distill/tiny[positions=mid,seed=1]',
      ...everyCell
        .map(({ init, positions, seed }) => `stitch[init=${init},positions=${positions},seed=${seed}]`)
        .sort(),
      'teacher[seed=0]',
      'teacher[seed=1]',
    ])
  })

  it('gives every cell its own stages, and the same object to all that share one', async () => {
    const graph = await suiteOf(method)
    const [first, second] = graph.cells
    expect([...first!.stages].map(([name, node]) => [name, node.name])).to.deep.include.members([
      ['data', 'data'],
      ['teacher', 'teacher[seed=0]'],
      ['stitch', 'stitch[init=learned,positions=end,seed=0]'],
    ])
    expect(first!.stages.get('data')).to.equal(second!.stages.get('data'))
    expect(first!.stages.get('stitch')!.inputs['student']).to.equal(first!.stages.get('distill/tiny'))
  })

  it('has the same names whatever the order of the cells', async () => {
    const [forth, back] = await Promise.all([suiteOf(method), suiteOf(method, [...everyCell].reverse())])
    expect(namesOf(back)).to.deep.equal(namesOf(forth))
    const named = ({ cells }: StageGraph) =>
      Object.fromEntries(cells.map((cell) => [cell.name, [...cell.stages.values()].map(({ name }) => name)]))
    expect(named(back)).to.deep.equal(named(forth))
  })

  it('goes by what a stage is, not by what it is called', async () => {
    const graph = await suiteOf(({ init }) => [stage(init === 'learned' ? 'pool/b' : 'pool/a', { same: true })])
    expect(namesOf(graph)).to.deep.equal(['pool/a'])
    expect([...graph.cells[0]!.stages.keys()]).to.deep.equal(['pool/b'])
  })

  it('names the labels that one stage serves, where it does not serve them all', async () => {
    const three: SuiteNode['axes'] = { init: ['a', 'b', 'c'] }
    const cells = three['init']!.map((init) =>
      cellOf({ init, seed: 0 }, [stage('distill', { reverse: init === 'c' }), stage('stitch', { init })]),
    )
    const suite: SuiteNode = { kind: 'suite', name: 's', axes: three, seeds: [0], cells }
    expect(namesOf(await Effect.runPromise(stageGraph(suite)))).to.deep.equal([
      'distill[init=a|b]',
      'distill[init=c]',
      'stitch[init=a]',
      'stitch[init=b]',
      'stitch[init=c]',
    ])
  })

  it('leaves out an axis on which a stage serves every label', async () => {
    const graph = await suiteOf(({ init, seed }) => [stage('teacher', init === 'learned' ? { seed: seed! } : {})])
    expect(namesOf(graph)).to.deep.equal([
      'teacher[init=learned,seed=0]',
      'teacher[init=learned,seed=1]',
      'teacher[init=random]',
    ])
  })

  it('tells stages apart where cells were left out so that no axis alone does', async () => {
    const diagonal = everyCell.filter(
      ({ init, positions, seed }) => (init === 'learned') === (positions === 'end') && seed === 0,
    )
    const names = namesOf(await suiteOf(method, diagonal))
    expect(names).to.deep.equal([
      'data',
      'distill/tiny[init=learned]',
      'distill/tiny[init=random]',
      'stitch[init=learned]',
      'stitch[init=random]',
      'teacher',
    ])
  })

  it('names a stage by one cell where its labels together would name those of another', async () => {
    const graph = await suiteOf(({ init, positions }) => [
      stage('stitch', { equal: (init === 'learned') === (positions === 'end') }),
    ])
    expect(namesOf(graph)).to.deep.equal(['stitch[init=learned,positions=end]', 'stitch[init=learned,positions=mid]'])
  })

  it('never calls two stages alike', async () => {
    const graph = await suiteOf(({ init }) => {
      const shared = stage(init === 'learned' ? 'x/a' : 'x/b', { one: 1 })
      return init === 'learned' ? [shared] : [shared, stage('x/a', { two: 2 })]
    })
    expect(new Set(namesOf(graph)).size).to.equal(2)
  })

  it('numbers stages that would be called alike in the order of the axes, whatever that of the cells', async () => {
    const named = async (cells: readonly Labels[]) => {
      const graph = await suiteOf(({ init }) => {
        const shared = stage(init === 'learned' ? 'x/a' : 'x/b', { one: 1 })
        return init === 'learned' ? [shared] : [stage('x/a', { two: 2 }), shared]
      }, cells)
      return Object.fromEntries(graph.roots.map(({ name, params }) => [name, params]))
    }
    const names = { 'x/a': { one: 1 }, 'x/a#2': { two: 2 } }
    expect(await named(everyCell)).to.deep.equal(names)
    expect(await named([...everyCell].reverse())).to.deep.equal(names)
  })

  it('of 2 000 cells is named in a moment, also where labels alone do not tell stages apart', async () => {
    const many: SuiteNode['axes'] = { lr: Array.from({ length: 50 }, (_, index) => index), depth: [6, 9, 12, 15] }
    const labels = many['lr']!.flatMap((lr) =>
      many['depth']!.flatMap((depth) => Array.from({ length: 10 }, (_, seed) => ({ lr, depth, seed }))),
    )
    const cells = labels.map(({ lr, depth, seed }) => {
      const data = stage('data', {})
      // Two cells each that agree on no axis: one of them has to stand for both.
      const teacher = stage('teacher', { pair: (Number(lr) + 50 * Number(depth) + 1_000 * seed) % 997 }, { data })
      return cellOf({ lr: lr!, depth: depth!, seed }, [
        data,
        teacher,
        stage('stitch', { lr, depth, seed }, { teacher }),
      ])
    })
    const suite: SuiteNode = { kind: 'suite', name: 's', axes: many, seeds: [...Array(10).keys()], cells }
    const before = performance.now()
    const graph = await Effect.runPromise(stageGraph(suite))
    expect(performance.now() - before).to.be.below(1_500)
    expect(new Set(namesOf(graph)).size).to.equal(graph.roots.length)
    expect(namesOf(graph)).to.include.members(['data', 'stitch[lr=49,depth=6,seed=9]'])
  })

  it('of a pipeline alone is its stages as they are, in one cell without a name', async () => {
    const stages = method({ init: 'learned', positions: 'end', seed: 0 })
    const graph = await Effect.runPromise(stageGraph({ kind: 'pipeline', name: 'p', seed: 3, stages }))
    expect(graph).to.deep.include({ kind: 'pipeline', name: 'p', axes: {}, seeds: [3], roots: stages })
    expect(graph.cells.map(({ name, at }) => ({ name, at }))).to.deep.equal([{ name: '', at: {} }])
  })

  it('refuses a cell that has two stages of one name', async () => {
    const broken = suiteOf(() => [stage('data', { a: 1 }), stage('data', { a: 2 })]).then(
      () => 'nothing',
      (error: Error) => error.message,
    )
    expect(await broken).to.match(/suite 's': cell init=learned,.*seed=0 has two stages of one name/)
  })
})
