import { expect } from 'chai'
import { DefinitionError, mnist, pipeline, stage, vit, type UserStage } from '../../src/index.js'

const run = () => ({})
const taught = pipeline('p')
  .data(mnist())
  .teacher(vit({ embedDim: 48, depth: 6, numHeads: 3 }), { epochs: 1 })

const errorOf = (define: () => unknown): DefinitionError => {
  try {
    define()
  } catch (error) {
    if (error instanceof DefinitionError) return error
    throw error
  }
  throw new Error('it was accepted')
}
const loosely = (name: string, options: object) => stage(name, options as never)
/** A call of its own, so that the two have different places. */
const elsewhere = (name: string) => stage(name, { run })

describe("a stage of the user's own", () => {
  it('is a frozen node behind what it reads, with its call named and its function left out', () => {
    const confusion = stage('confusion', { inputs: { model: 'teacher' }, params: { bins: 10 }, run })
    const { stages } = taught.add(confusion).toNode()
    expect(stages.map(({ name }) => name)).to.deep.equal(['data', 'teacher', 'confusion'])
    const node = stages[2]
    expect(node).to.deep.include({ kind: 'stage', params: { bins: 10 }, usesEngine: false, warm: false, sources: {} })
    expect(node.inputs).to.deep.equal({ model: stages[1] })
    expect(node.place?.file).to.match(/user-stage\.test\.ts$/)
    expect(JSON.stringify(node)).not.to.contain('run')
    expect(Object.isFrozen(node) && Object.isFrozen(node.params)).to.equal(true)
  })

  it('may read a stage that is written after it, and brings the stages that it reads itself', () => {
    const first = stage('first', { run })
    const second = stage('second', { inputs: { from: first, data: 'data' }, run })
    const { stages } = pipeline('p').add(second).data(mnist()).toNode()
    expect(stages.map(({ name }) => name)).to.deep.equal(['data', 'first', 'second'])
  })

  it('makes a pipeline of its own kind alone, also of ten thousand in a chain', () => {
    let last: UserStage = stage('s0', { run })
    const link = (index: number, from: UserStage) => stage(`s${index}`, { inputs: { from }, run })
    for (let index = 1; index < 10_000; index++) last = link(index, last)
    const { stages } = pipeline('chain').add(last).toNode()
    expect(stages).to.have.length(10_000)
    expect(stages[9_999].name).to.equal('s9999')
  })

  it('leaves the pipeline that it is added to as it was', () => {
    taught.add(stage('extra', { run }))
    expect(taught.toNode().stages).to.have.length(2)
  })

  const wrong: readonly (readonly [what: string, define: () => unknown, problem: string, sentence: RegExp])[] = [
    ['no function', () => loosely('a', {}), 'missing', /stage 'a': run is undefined: write run: async/],
    ['a bad name', () => stage('a b', { run }), 'badName', /stage: its name is "a b"/],
    ['an unknown option', () => loosely('b', { run, input: {} }), 'unknownOption', /did you mean inputs\?/],
    ['params that are a list', () => loosely('c', { run, params: [1] }), 'wrongType', /params is \[1\]/],
    ['an input that is a number', () => loosely('d', { run, inputs: { a: 1 } }), 'wrongType', /inputs\.a is 1/],
    ['a source without a path', () => loosely('e', { run, sources: { a: '' } }), 'wrongType', /sources is/],
    [
      'another stage of its name in the pipeline',
      () => taught.add(stage('twice', { run }), elsewhere('twice')).toNode(),
      'duplicateName',
      /two stages called 'twice'/,
    ],
    [
      'an input that the pipeline does not have',
      () => taught.add(stage('f', { inputs: { model: 'techer' }, run })).toNode(),
      'mismatch',
      /stage 'f': inputs\.model is 'techer', and the pipeline has no such stage: did you mean 'teacher'\?/,
    ],
    [
      'the name of a built-in stage',
      () => taught.add(stage('teacher', { run })).toNode(),
      'duplicateName',
      /two stages called 'teacher'/,
    ],
    [
      'stages that read each other',
      () => taught.add(stage('g', { inputs: { x: 'h' }, run }), stage('h', { inputs: { x: 'g' }, run })).toNode(),
      'mismatch',
      /need each other's artifacts/,
    ],
    ['something else to add', () => taught.add({} as UserStage), 'wrongType', /add is given \{\}/],
    ['nothing to add', () => taught.add(), 'wrongType', /add is given nothing/],
  ]
  for (const [what, define, problem, sentence] of wrong) {
    it(`is refused with ${what}`, () => {
      const error = errorOf(define)
      expect(error.message).to.match(sentence)
      expect(error.problem).to.equal(problem)
      expect(error.place?.file).to.match(/user-stage\.test\.ts$/)
    })
  }
})
