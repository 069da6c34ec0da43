/** Cells whose artifacts are in a real store: for what reads them, without a definition and without a run. */
import { mkdirSync, writeFileSync } from 'node:fs'
import * as Effect from 'effect/Effect'
import type { StageNode } from '../../src/dsl/nodes.js'
import type { Cell, CellStage } from '../../src/results/cell-results.js'
import { fingerprintOf, type StageIdentity } from '../../src/runtime/fingerprint.js'
import { Store } from '../../src/runtime/store/store.js'

/** A line of `descendants.jsonl`. */
export const measuredLine = (
  id: number,
  scores: { readonly top1?: number; readonly loss?: number | null } = {},
): string =>
  JSON.stringify({
    id,
    name: `model${id}`,
    models: ['tiny'],
    positions: [],
    depth: 3,
    params: 100 + id,
    paramsStored: 100 + id,
    macs: 1000 + id,
    top1: 0.5,
    top5: 0.9,
    loss: 1,
    ...scores,
  })

/** A stage of this kind; with `text` in `file` it has run. */
export const storedStage = Effect.fnUntraced(function* (kind: string, name: string, file?: string, text?: string) {
  const node = { kind, name, params: { name }, inputs: {} } as unknown as StageNode
  if (file === undefined || text === undefined) return { node, manifest: undefined } satisfies CellStage
  const store = yield* Store
  const code = { modules: {}, packages: {} } as unknown as StageIdentity['code']
  const identity: StageIdentity = {
    scheme: 1,
    kind,
    params: { name, text },
    inputs: {},
    sources: {},
    code,
    engine: null,
  }
  const made = { at: '2026-11-23T20:15:00.000Z', ms: 1, node: 'v20', platform: 'linux-x64', threads: 1, run: 'r' }
  const outDir = store.place('filling')
  mkdirSync(outDir, { recursive: true })
  writeFileSync(`${outDir}/${file}`, text)
  const draft = { fingerprint: fingerprintOf(identity), stage: name, summary: { top1: 0.25 }, identity, made }
  return { node, manifest: yield* store.publish(draft, outDir) } satisfies CellStage
})

export const cellWith = (init: string, stages: readonly CellStage[]): Cell => ({
  name: `init=${init},seed=1`,
  at: { init },
  seed: 1,
  stages: new Map(stages.map((stage) => [stage.node.name, stage])),
})
