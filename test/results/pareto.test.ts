import { expect } from 'chai'
import { costOf, markDominated, paretoFront, scoreOf, type Cost, type Metric } from '../../src/results/pareto.js'
import type { ModelResult } from '../../src/results/model-results.js'
import { modelWith, timed } from './models.js'

const names = (models: readonly ModelResult[]): readonly string[] => models.map(({ name }) => name)

/** The definition, word by word. */
const frontByDefinition = (models: readonly ModelResult[], cost: Cost, metric: Metric): readonly ModelResult[] =>
  models.filter((model) =>
    models.every((other) => {
      const [a, b] = [costOf(model, cost)!, costOf(other, cost)!]
      const [s, t] = [scoreOf(model, metric), scoreOf(other, metric)]
      return !(b <= a && t >= s && (b < a || t > s))
    }),
  )

describe('the Pareto front', () => {
  it('is what its definition says, for 200 models with many ties and each metric', () => {
    let state = 1
    const draw = (below: number): number => {
      state = (state * 48271) % 2147483647
      return state % below
    }
    const models = Array.from({ length: 200 }, (_, id) =>
      modelWith({ id, name: String(id), params: 1 + draw(30), top1: draw(20) / 20, loss: draw(20) }),
    )
    for (const metric of ['top1', 'loss'] as const) {
      const front = paretoFront(models, 'params', metric)
      expect(names(front)).to.have.members(names(frontByDefinition(models, 'params', metric)))
      expect(front.map(({ params }) => params)).to.deep.equal(front.map(({ params }) => params).sort((a, b) => a - b))
    }
  })

  it('keeps all models that are equal in cost and score', () => {
    const models = [
      modelWith({ name: 'a', params: 2, top1: 0.7 }),
      modelWith({ name: 'b', params: 1, top1: 0.5 }),
      modelWith({ name: 'c', params: 2, top1: 0.7 }),
      modelWith({ name: 'd', params: 2, top1: 0.6 }),
    ]
    expect(names(paretoFront(models, 'params', 'top1'))).to.deep.equal(['b', 'a', 'c'])
  })

  it('leaves out models whose loss is no number, and no such model dominates another', () => {
    const models = [
      modelWith({ name: 'broken', params: 1, loss: null }),
      modelWith({ name: 'good', params: 2, loss: 1 }),
    ]
    expect(names(paretoFront(models, 'params', 'loss'))).to.deep.equal(['good'])
    expect(names(paretoFront(models.slice(0, 1), 'params', 'loss'))).to.deep.equal([])
    expect(markDominated(models, 'loss')).to.deep.equal([false, false])
  })

  it('leaves out models without a measured time', () => {
    const models = [
      modelWith({ name: 'fast', latency: timed(1) }),
      modelWith({ name: 'unknown', top1: 0.9 }),
      modelWith({ name: 'slow', latency: timed(2), top1: 0.6 }),
    ]
    expect(names(paretoFront(models, 'latency', 'top1'))).to.deep.equal(['fast', 'slow'])
    expect(paretoFront(models, 'latency', 'top1', 64)).to.deep.equal([])
  })
})

describe('a dominated model', () => {
  it('is one that another beats in parameters, MACs and score together, not in two of them', () => {
    const models = [
      modelWith({ name: 'good', params: 2, macs: 2, top1: 0.7 }),
      modelWith({ name: 'larger and no better', params: 3, macs: 2, top1: 0.7 }),
      modelWith({ name: 'fewer MACs', params: 3, macs: 1, top1: 0.6 }),
      modelWith({ name: 'the same', params: 2, macs: 2, top1: 0.7 }),
    ]
    expect(markDominated(models)).to.deep.equal([false, true, false, false])
  })

  it('is marked by the metric that is asked for', () => {
    const models = [modelWith({ top1: 0.5, loss: 1 }), modelWith({ top1: 0.6, loss: 2 })]
    expect(markDominated(models, 'top1')).to.deep.equal([true, false])
    expect(markDominated(models, 'loss')).to.deep.equal([false, true])
  })
})
