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
import { notStored } from '../../runtime/store/find-store.js'
import { type Manifest, Store } from '../../runtime/store/store.js'
import { harmless, shellWord } from '../output/print.js'

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
