import { expect } from 'chai'
import { pickBest, type Picked, type PickOptions, type UnmetBudgets } from '../../src/results/pick.js'
import { modelWith, timed } from './models.js'

const models = [
  modelWith({ id: 0, name: 'small', params: 10, macs: 10, top1: 0.6, latency: timed(1) }),
  modelWith({ id: 1, name: 'middle', params: 20, macs: 30, top1: 0.7, latency: timed(3) }),
  modelWith({ id: 2, name: 'lean', params: 25, macs: 20, top1: 0.8, latency: timed(4) }),
  modelWith({ id: 3, name: 'large', params: 60, macs: 60, top1: 0.9, latency: timed(9) }),
]

const pick = (budgets: PickOptions['budgets'], options: Partial<PickOptions> = {}): Picked =>
  pickBest(models, { metric: 'top1', batch: 1, ...options, budgets }) as Picked

describe('picking a model', () => {
  it('takes the best score that meets every budget, limits included', () => {
    expect(pick([]).best.name).to.equal('large')
    expect(pick([{ cost: 'params', limit: 25 }]).best.name).to.equal('lean')
    expect(pick([{ cost: 'params', limit: 24.9 }]).best.name).to.equal('middle')
    expect(pick([{ cost: 'latency', limit: 3.5 }]).best.name).to.equal('middle')
  })

  it('says which budget binds: the one of which more alone would buy a better model', () => {
    const { best, binding, eligible, of } = pick([
      { cost: 'params', limit: 24 },
      { cost: 'macs', limit: 40 },
    ])
    expect([best.name, eligible, of]).to.deep.equal(['middle', 2, 4])
    expect(binding).to.deep.equal(['params'])
    expect(pick([{ cost: 'params', limit: 100 }]).binding).to.deep.equal([])
  })

  it('names no single budget where only more of both would help', () => {
    const { best, binding, next } = pick([
      { cost: 'params', limit: 30 },
      { cost: 'macs', limit: 25 },
    ])
    expect([best.name, binding, next?.name]).to.deep.equal(['lean', [], 'large'])
  })

  it('names as the next one the better model that exceeds the budgets least', () => {
    expect(pick([{ cost: 'params', limit: 12 }]).next?.name).to.equal('middle')
    expect(pick([]).next).to.equal(undefined)
  })

  it('breaks ties by fewer parameters, then by the lower id', () => {
    const equal = [
      modelWith({ id: 5, name: 'later', params: 5 }),
      modelWith({ id: 3, name: 'larger', params: 6 }),
      modelWith({ id: 4, name: 'first', params: 5 }),
    ]
    expect((pickBest(equal, { budgets: [], metric: 'top1', batch: 1 }) as Picked).best.name).to.equal('first')
  })

  it('never takes a model whose loss is no number for the one with the lowest', () => {
    const two = [modelWith({ name: 'broken', loss: null }), modelWith({ name: 'good', loss: 3 })]
    const { best, next, of } = pickBest(two, { budgets: [], metric: 'loss', batch: 1 }) as Picked
    expect([best.name, next, of]).to.deep.equal(['good', undefined, 1])
  })

  it('takes a lower loss for better', () => {
    const two = [modelWith({ name: 'a', loss: 0.5, top1: 0.1 }), modelWith({ name: 'b', loss: 0.7, top1: 0.9 })]
    expect((pickBest(two, { budgets: [], metric: 'loss', batch: 1 }) as Picked).best.name).to.equal('a')
  })

  it('gives the least there is of each cost where no model meets the budgets', () => {
    const unmet = pickBest(models, {
      budgets: [
        { cost: 'params', limit: 5 },
        { cost: 'macs', limit: 100 },
      ],
      metric: 'top1',
      batch: 1,
    }) as UnmetBudgets
    expect(unmet.least).to.deep.equal({ params: 10, macs: 10 })
    expect(unmet.nearest.name).to.equal('small')
  })
})
