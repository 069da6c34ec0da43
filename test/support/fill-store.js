// Fills a store with artifacts of a pipeline or a suite without computing any: real fingerprints, invented figures, so
// that what reads results can be tried on any shape of experiment in a second. Argument: a FillOptions
// (filled-store.ts) as JSON.
import * as fs from 'node:fs'
import * as path from 'node:path'
import * as NodeRuntime from '@effect/platform-node-shared/NodeRuntime'
import * as Effect from 'effect/Effect'
import { loadTarget } from '../../dist/cli/input/target.js'
import { genepoolLayer } from '../../dist/compose.js'
import { countMacs, countParams } from '../../dist/dsl/counting.js'
import { enumerateDescendants } from '../../dist/dsl/descendants.js'
import { fingerprintOf } from '../../dist/runtime/fingerprint.js'
import { prepare } from '../../dist/runtime/plan/prepare.js'
import { Engines } from '../../dist/runtime/services.js'
import { Store } from '../../dist/runtime/store/store.js'

const { target, store: directory, skip } = JSON.parse(process.argv[2])

/** A number from 0 to 1 that depends on these values alone. */
const noise = (...values) => {
  let hash = 2166136261
  for (const character of JSON.stringify(values)) hash = Math.imul(hash ^ character.charCodeAt(0), 16777619)
  return ((hash >>> 0) % 10007) / 10007
}

const effects = { random: -0.12, learned: -0.08, composed: -0.01, leastSquares: 0 }
const fixed = (value) => Number(value.toFixed(4))

const accuracyOf = (macs, seed, ...about) =>
  fixed(Math.min(0.999, 0.62 + 0.055 * Math.log10(macs) + 0.012 * (noise(seed, ...about) - 0.5)))

const scoresOf = (top1, { numClasses }) => ({
  top1,
  top5: numClasses < 6 ? null : fixed(1 - (1 - top1) / 12),
  loss: fixed(3.2 * (1 - top1)),
})

const historyOf = ({ epochs }, seed, parts) =>
  Array.from({ length: epochs }, (_, index) => {
    const loss = 0.25 + 2 / (1.4 + index) + 0.05 * noise(seed, index)
    const split = Object.fromEntries(
      parts.map((part, at) => [part, fixed(loss * (0.2 + 0.5 * noise(part, at, index)))]),
    )
    return { epoch: index + 1, loss: fixed(loss), ...split, lr: 5e-4 * (1 - index / epochs) }
  })

const lines = (rows) => rows.map((row) => `${JSON.stringify(row)}\n`).join('')

const trained = (params, parts, about) => {
  const { model, train, seed } = params
  const history = historyOf(train, seed, parts)
  const scores = scoresOf(accuracyOf(countMacs(model) * 1.2, seed, about), model)
  return {
    files: { 'history.jsonl': lines(history), 'model.safetensors': JSON.stringify([about, params]) },
    summary: { ...scores, params: countParams(model), macs: countMacs(model), finalLoss: history.at(-1)?.loss ?? null },
  }
}

const nameOf = (names, models, { positions, models: path }) => {
  if (path.length === 1) return names[path[0]]
  return path
    .map((model, at) => {
      const first = at === 0 ? 0 : positions[at - 1][1]
      const last = at === path.length - 1 ? models[model].depth - 1 : positions[at][0]
      return `${names[model]}[${first}..${last}]`
    })
    .join('→')
}

const rowsOf = (names, models, grid, about) =>
  enumerateDescendants({ models, ...grid }).map((descendant) => {
    const { id, positions, params, paramsStored, macs } = descendant
    const name = nameOf(names, models, descendant)
    const depth = [...name.matchAll(/\[(\d+)\.\.(\d+)\]/g)].reduce(
      (sum, [, a, b]) => sum + Number(b) - Number(a) + 1,
      0,
    )
    const penalty = descendant.models.length === 1 ? 0 : (effects[about.init] ?? 0) + (about.shift ?? 0)
    const top1 = fixed(Math.min(0.999, accuracyOf(macs, about.seed, name, about.init) + penalty))
    const path = descendant.models
    return {
      id,
      name,
      models: path.map((model) => names[model]),
      positions,
      depth: depth || models[path[0]].depth,
      params,
      paramsStored,
      macs,
      ...scoresOf(top1, models[0]),
    }
  })

const gridOf = (stitch) => {
  const { models: names, grid, init, seed } = stitch.params
  const models = names.map((name) => stitch.inputs.pool.inputs[name].params.model)
  const shift = 0.02 * noise(stitch.inputs.pool.inputs[names[0]].params.positions ?? 'none')
  return { names, models, rows: rowsOf(names, models, grid, { init, seed, shift }) }
}

const summaryOf = (rows) => {
  const mean = (of) => of.reduce((sum, { top1 }) => sum + top1, 0) / of.length
  const by = (order) => [...rows].sort(order)[0]
  const [best, smallest] = [by((a, b) => b.top1 - a.top1), by((a, b) => a.params - b.params)]
  return {
    models: rows.length,
    best: best.name,
    bestTop1: best.top1,
    meanTop1: mean(rows),
    stitchedMeanTop1: mean(rows.filter(({ models }) => models.length > 1)),
    worstTop1: Math.min(...rows.map(({ top1 }) => top1)),
    smallest: smallest.name,
    smallestParams: smallest.params,
    smallestTop1: smallest.top1,
  }
}

const timeOf = ({ name, macs }, batch) => {
  const medianMs = (0.3 + (macs / 4e6) * (0.9 + 0.2 * noise(name, batch))) * batch ** 0.9
  return { batch, medianMs: fixed(medianMs), p10Ms: fixed(medianMs * 0.96), p90Ms: fixed(medianMs * 1.07) }
}

const makers = {
  data: ({ params }) => ({ files: { 'data.json': JSON.stringify(params) }, summary: { train: 512, test: 200 } }),
  teacher: ({ params }) => trained(params, [], 'teacher'),
  anchor: ({ params, name }) => trained(params, [], name),
  distill: ({ params, name }) => trained(params, ['ce', 'soft', 'rep', 'att'], name),
  pool: ({ inputs }) => {
    const students = Object.values(inputs)
    const instances = students.reduce((sum, { params }) => sum + params.model.depth, 0)
    const file = JSON.stringify(students.map(({ kind, params }) => [kind, params]))
    return { files: { 'pool.json': file }, summary: { students: students.length, instances } }
  },
  stitch: (node) => {
    const { models, rows } = gridOf(node)
    const history = historyOf(node.params.train, node.params.seed, ['ce', 'kl'])
    const weights = models.reduce((sum, model) => sum + countParams(model), 0)
    const layers = Math.min(...models.map(({ depth }) => depth)) - 1
    const [front, end] = models
    return {
      files: {
        'history.jsonl': lines(history),
        'grid.json': JSON.stringify([node.params, node.inputs.pool.inputs[node.params.models[0]].params]),
      },
      summary: {
        descendants: rows.length,
        layers,
        init: node.params.init,
        instances: models.reduce((sum, { depth }) => sum + depth, 0),
        storedParams: weights + layers * (front.embedDim + 1) * end.embedDim,
        finalLoss: history.at(-1)?.loss ?? null,
      },
    }
  },
  evaluate: ({ inputs }) => {
    const { rows } = gridOf(inputs.stitch)
    return { files: { 'descendants.jsonl': lines(rows) }, summary: summaryOf(rows) }
  },
  latency: ({ params, inputs }) => {
    const { rows } = gridOf(inputs.stitch)
    const times = rows.map((row) => ({
      id: row.id,
      name: row.name,
      latency: [...new Set([1, params.batch])].map((batch) => timeOf(row, batch)),
    }))
    return { files: { 'latency.jsonl': lines(times) }, summary: { ...params, threads: 2 } }
  },
  single: ({ params }) => {
    const { names, models, grid, descendant, train, seed } = params
    const row = rowsOf(names, models, grid, { seed }).find(({ id }) => id === descendant)
    const history = historyOf(train, seed, ['ce'])
    const files = { 'descendants.jsonl': lines([row]), 'history.jsonl': lines(history) }
    return {
      files,
      summary: { top1: row.top1, params: row.params, macs: row.macs, finalLoss: history.at(-1)?.loss ?? null },
    }
  },
}

/** A stage of the user's own: two figures and no file. */
const ownStage = ({ name, params }) => ({ files: {}, summary: { score: noise(name, params), images: 50 } })

const takesMs = {
  data: 400,
  teacher: 95_000,
  anchor: 61_000,
  distill: 42_000,
  pool: 20,
  stitch: 73_000,
  single: 55_000,
}

const fill = Effect.gen(function* () {
  const { graph, baseDir } = yield* loadTarget(target)
  const store = yield* Store
  yield* store.make
  const engine = yield* (yield* Engines).resolve({ engine: 'onnxruntime', device: 'cpu', toCompute: false })
  const prepared = yield* prepare(graph, { engine, baseDir, reuse: 'same-engine' })
  const contents = new Map()
  for (const { node, identify } of prepared.stages) {
    const inputs = Object.entries(node.inputs)
    const isSkipped = skip !== undefined && new RegExp(skip).test(node.name)
    if (isSkipped || inputs.some(([, from]) => !contents.has(from))) continue
    const identity = identify(Object.fromEntries(inputs.map(([name, from]) => [name, contents.get(from)])))
    const outDir = store.place('filling')
    // Bytes that the store has already are left where they are.
    fs.rmSync(outDir, { recursive: true, force: true })
    fs.mkdirSync(outDir, { recursive: true })
    const { files, summary } = (makers[node.kind] ?? ownStage)(node)
    for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(outDir, name), text)
    const made = {
      at: '2026-11-23T20:15:00.000Z',
      ms: Math.round((takesMs[node.kind] ?? 9_000) * (0.8 + 0.4 * noise(node.name))),
      node: process.version,
      platform: `${process.platform}-${process.arch}`,
      threads: 2,
      run: '20261123-201500-f111ed',
    }
    const draft = { fingerprint: fingerprintOf(identity), stage: node.name, summary, identity, made }
    contents.set(node, (yield* store.publish(draft, outDir)).content)
  }
})

NodeRuntime.runMain(fill.pipe(Effect.provide(genepoolLayer(directory))))
