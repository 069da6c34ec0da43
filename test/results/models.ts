/** Models as results have them, for tests that need a few. */
import type { ModelResult } from '../../src/results/model-results.js'

/** A model of which only what is given matters. */
export const modelWith = (given: Partial<ModelResult>): ModelResult => ({
  id: 0,
  name: 'tiny',
  models: ['tiny'],
  positions: [],
  depth: 6,
  params: 1,
  paramsStored: 1,
  macs: 1,
  top1: 0.5,
  top5: 0.9,
  loss: 1,
  latency: [],
  at: {},
  n: 1,
  std: { top1: null, top5: null, loss: null },
  values: { top1: [], top5: [], loss: [] },
  dominated: false,
  ...given,
})

/** Milliseconds at batch 1. */
export const timed = (medianMs: number): ModelResult['latency'] => [
  { batch: 1, medianMs, p10Ms: medianMs, p90Ms: medianMs },
]
