/**
 * One stage of a store, computed again from clean: by a real run, in a store of its own that has only what it reads.
 */
import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import type { StageNode } from '../../dsl/nodes.js'
import { reachable, type StageGraph } from '../definition/stage-graph.js'
import { storeErrorOf } from '../errors.js'
import type { Emit, RunEvent, StageFailure } from '../events.js'
import { searchKeyOf } from '../fingerprint.js'
import { type InParts, inParts } from '../in-parts.js'
import type { RunOptions } from '../run/options.js'
import { runStages } from '../run/run.js'
import { linkOrCopy } from '../store/artifact-folder.js'
import { isHeld, sweepLocks, tryLock } from '../store/lock.js'
import { quietly } from '../store/staging.js'
import { type Manifest, Store } from '../store/store.js'

function* bring(from: string, to: string): InParts<void> {
  fs.mkdirSync(path.dirname(to), { recursive: true })
  yield* linkOrCopy(from, to)
}

const lockOf = (folder: string): string => `${folder}.lock`

/** Removes what killed processes have left: a folder is there only while its lock is held. */
const sweep = (scratch: string): void => {
  if (!fs.existsSync(scratch)) return
  sweepLocks(scratch)
  for (const name of fs.readdirSync(scratch)) {
    if (!/^[0-9a-f]{12}$/.test(name) || isHeld(lockOf(path.join(scratch, name)))) continue
    fs.rmSync(path.join(scratch, name), { recursive: true, force: true })
  }
}

/** Indices that spare hashing code and sources again. Times and the list of contents belong to the real store alone. */
const indices = (folder: string): readonly string[] =>
  fs.existsSync(folder)
    ? fs.readdirSync(folder).filter((name) => name.endsWith('.json') && name !== 'contents.json')
    : []

/**
 * Root of a store of its own for one stage: it holds `artifacts`, which the stage reads, linked from the real store,
 * and not what the stage makes. It lies in the real store's folder, because links need the same disk, and is gone with
 * its scope.
 */
const openScratch = Effect.fnUntraced(function* (artifacts: Iterable<Manifest>) {
  const store = yield* Store
  const scratch = store.place('scratch')
  yield* Effect.addFinalizer(() =>
    quietly(() => {
      if (fs.existsSync(scratch) && fs.readdirSync(scratch).length === 0) fs.rmdirSync(scratch)
    }),
  )
  yield* quietly(() => sweep(scratch))
  const root = path.join(scratch, randomBytes(6).toString('hex'))
  yield* tryLock(lockOf(root))
  yield* Effect.addFinalizer(() => quietly(() => fs.rmSync(root, { recursive: true, force: true, maxRetries: 3 })))
  yield* inParts(function* () {
    const there = (...names: readonly string[]): string => path.join(root, ...names)
    for (const manifest of artifacts) {
      const { fingerprint, identity, files } = manifest
      const action = ['actions', fingerprint.slice(0, 2), `${fingerprint}.json`]
      yield* bring(store.place(...action), there(...action))
      const key = searchKeyOf(identity)
      fs.mkdirSync(there('equals', key.slice(0, 2), key), { recursive: true })
      fs.writeFileSync(there('equals', key.slice(0, 2), key, fingerprint), '')
      for (const file of Object.values(files)) {
        const blob = store.blob(file)
        yield* bring(blob, there(path.relative(store.root, blob)))
      }
    }
    fs.mkdirSync(there('index'), { recursive: true })
    for (const name of indices(store.place('index'))) fs.copyFileSync(store.place('index', name), there('index', name))
  }).pipe(Effect.mapError(storeErrorOf(`cannot write to the store ${store.root}`)))
  return root
})

type Recomputed =
  /** `pathOf` holds as long as the scope is open. */
  | { readonly type: 'made'; readonly manifest: Manifest; readonly pathOf: (file: string) => string }
  | { readonly type: 'failed'; readonly failure: StageFailure }

type Options = Omit<RunOptions, 'only' | 'failFast' | 'emit'> & { readonly emit: Emit }

/** The stages of which it tells are its own: what they read is there. */
const own =
  (name: string, emit: Emit): Emit =>
  (event) => {
    if ('stage' in event && event.stage === name) emit(event)
  }

/** Everything that the stage reads has to be among `manifests`, verified. */
export const recompute = Effect.fnUntraced(function* (
  graph: StageGraph,
  node: StageNode,
  manifests: ReadonlyMap<StageNode, Manifest>,
  options: Options,
) {
  const above = reachable(Object.values(node.inputs)).flatMap((from) => manifests.get(from) ?? [])
  const root = yield* openScratch(above)
  let failure: StageFailure = { message: 'it did not run' }
  const started: string[] = []
  const emit = (event: RunEvent): void => {
    if (event.type === 'stage-started') started.push(event.stage)
    if (event.type === 'stage-failed') {
      const { message, hint } = event
      failure = { message: event.stage === node.name ? message : `${event.stage}: ${message}`, ...(hint && { hint }) }
    }
    own(node.name, options.emit)(event)
  }
  return yield* Effect.gen(function* () {
    const scratch = yield* Store
    const { manifests: made } = yield* runStages(graph, {
      ...options,
      only: node.name,
      failFast: true,
      milestones: false,
      emit,
    })
    const manifest = made.get(node.name)
    if (manifest === undefined) return { type: 'failed', failure } satisfies Recomputed
    // The plan is a moment old; what was edited since has made another stage of something above.
    const [other] = started.filter((name) => name !== node.name)
    if (other !== undefined) {
      const why = 'the definition, its code or its data are being edited'
      const message = `${other} is not what it was when the plan was made: ${why}`
      return { type: 'failed', failure: { message } } satisfies Recomputed
    }
    return { type: 'made', manifest, pathOf: (file) => scratch.blob(manifest.files[file]!) } satisfies Recomputed
  }).pipe(Effect.provide(Store.layer(root)))
})
