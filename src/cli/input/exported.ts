/** What commands that write models for others have in common. */
import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import { sentenceOf } from '../../base/errors.js'
import { makeFolder } from '../../base/files.js'
import { mapValues } from '../../base/objects.js'
import type { StageNode } from '../../dsl/nodes.js'
import { UsageError } from '../../runtime/errors.js'
import { experimentOf } from '../../runtime/plan/experiment.js'
import { notStored } from '../../runtime/store/find-store.js'
import { type Manifest, Store } from '../../runtime/store/store.js'
import type { CellRow } from '../../results/cell-results.js'
import { readResults } from '../../results/experiment-results.js'
import { harmless, shellWord, showOnTerminal, warn } from '../output/print.js'
import { inspect, type InspectFlags } from './inspect.js'

/** The verified files of a stage's artifact. */
export const artifactOf = Effect.fnUntraced(function* (
  node: StageNode,
  manifests: ReadonlyMap<StageNode, Manifest>,
  target: string,
) {
  const store = yield* Store
  const manifest = manifests.get(node)
  const hint = `genepool run ${target} --only ${shellWord(node.name)}`
  if (manifest === undefined) {
    return yield* notStored({ message: `stage '${node.name}' has no artifact as the pipeline stands`, hint })
  }
  yield* store
    .verify(manifest)
    .pipe(
      Effect.catchTag('CorruptArtifact', (cause) =>
        Effect.fail(new UsageError({ message: `stage '${node.name}' is damaged: ${cause.message}`, hint, cause })),
      ),
    )
  return {
    manifest,
    input: { files: mapValues(manifest.files, (file) => store.blob(file)), summary: manifest.summary },
  }
})

export const exportFailed = (cause: unknown): UsageError =>
  new UsageError({ message: `nothing was exported: ${harmless(sentenceOf(cause))}`, cause })

/**
 * Moves what lies in a folder into another. What an earlier export left there is replaced; a folder of the user's own
 * is not.
 */
const moveInto = (out: string, folder: string): void => {
  makeFolder(out)
  const names = fs.readdirSync(folder).sort()
  const isFolder = (name: string): boolean =>
    fs.statSync(path.join(out, name), { throwIfNoEntry: false })?.isDirectory() === true
  const foreign = names.find((name) => isFolder(name) && !fs.existsSync(path.join(out, 'pool.json')))
  if (foreign !== undefined) throw new Error(`${path.join(out, foreign)} is a folder that no export has made`)
  for (const name of names) {
    if (isFolder(name)) fs.rmSync(path.join(out, name), { recursive: true })
    fs.renameSync(path.join(folder, name), path.join(out, name))
  }
}

/** A folder beside `out` whose files are moved into it once all of them are there. */
export const wholeOrNothing = <A, E, R>(out: string, fill: (folder: string) => Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Effect.try({
      try: () => {
        if (fs.statSync(out, { throwIfNoEntry: false })?.isDirectory() === false) throw new Error(`${out} is no folder`)
        const folder = `${out}.${randomBytes(4).toString('hex')}.tmp`
        makeFolder(folder)
        return folder
      },
      catch: exportFailed,
    }),
    (folder) =>
      fill(folder).pipe(
        Effect.tap(() =>
          Effect.try({
            try: () => moveInto(out, folder),
            catch: exportFailed,
          }),
        ),
      ),
    (folder) => Effect.sync(() => fs.rmSync(folder, { recursive: true, force: true })),
  )

/**
 * Writes the stitched pool of a pipeline into `out` in parts that its models share: those of the measured models that
 * `chosen` keeps. `add` puts more beside them and gives the bytes of all files. `called` names what is written.
 */
export const writePool = Effect.fnUntraced(function* (
  flags: InspectFlags & { readonly out: string },
  called: string,
  chosen: (rows: readonly CellRow[]) => readonly CellRow[],
  add: (folder: string) => number,
) {
  const { pipeline: target } = flags
  const { graph, prepared, plan, engine } = yield* inspect(flags)
  const [cell, ...others] = graph.cells
  if (others.length > 0) {
    return yield* new UsageError({
      message: `${target} is a suite of ${graph.cells.length} cells; ${called} is of one pool`,
      hint: `name a cell: ${target}#${cell!.name}`,
    })
  }
  const node = [...cell!.stages.values()].find(({ kind }) => kind === 'stitch')
  if (node === undefined) {
    return yield* new UsageError({
      message: `${target} has no stitched pool, so there are no models to change between`,
    })
  }
  const results = yield* readResults(experimentOf(graph, prepared, plan, engine, target))
  warn(results.warnings)
  // Models that are no descendants of this pool may have been measured beside it.
  const singles = [...cell!.stages.values()].filter(({ kind }) => kind === 'single')
  const apart = new Set(singles.map((single) => plan.manifests.get(single)?.fingerprint))
  const models = chosen(results.cells[0]!.rows.filter(({ source }) => !apart.has(source)))
  const [first] = models
  if (first === undefined) {
    return yield* notStored({
      message: `no model of ${target} has been measured as it stands`,
      hint: `genepool run ${target}`,
    })
  }
  const model = yield* artifactOf(node, plan.manifests, target)
  const data = yield* artifactOf(node.inputs['data']!, plan.manifests, target)
  return yield* wholeOrNothing(path.resolve(flags.out), (folder) =>
    Effect.tryPromise({
      try: async (signal) => {
        const { exportPool } = await import('../../stages/export/export-pool.js')
        const pool = await exportPool(
          { model: model.input, data: data.input },
          {
            folder,
            title: graph.name,
            models,
            split: first.split,
            progress: (done, of) => showOnTerminal(`compared ${done} of ${of} models`),
            signal,
          },
        )
        return { models: pool.models.length, parts: Object.keys(pool.parts).length, bytes: add(folder) }
      },
      catch: exportFailed,
    }).pipe(Effect.ensuring(Effect.sync(() => showOnTerminal('')))),
  )
})

export const allFiles = (folder: string): readonly string[] =>
  fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort()

export const bytesOfFiles = (files: readonly string[]): number =>
  files.reduce((sum, file) => sum + fs.statSync(file).size, 0)
