/** The worker's side of a stage that extends. */
import * as fs from 'node:fs'
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import { StageError, sentenceOf } from '../errors.js'
import type { JobExtension, WorkerMessage } from './job.js'
import type { Extension } from '../stage-contract.js'

/** Where the artifact of the stage that ends after `at` is left. */
export const milestoneFolder = (folder: string, at: number): string => path.join(folder, String(at))

export const extensionOf = (
  { from, wanted, folder }: JobExtension,
  send: (message: Extract<WorkerMessage, { type: 'milestone' }>) => void,
): Extension => {
  const missing = new Set(wanted)
  const make = (outDir: string) =>
    Effect.try({
      try: () => {
        // What an attempt that was interrupted left.
        fs.rmSync(outDir, { recursive: true, force: true })
        fs.mkdirSync(outDir, { recursive: true })
      },
      catch: (cause) => new StageError({ message: `cannot make ${outDir}: ${sentenceOf(cause)}`, cause }),
    })
  const deliver = Effect.fnUntraced(function* (
    at: number,
    leave: Parameters<Extension['deliver']>[1],
  ): Effect.fn.Return<void, StageError> {
    if (!missing.has(at)) return
    const outDir = milestoneFolder(folder, at)
    yield* make(outDir)
    const summary = yield* leave(outDir)
    missing.delete(at)
    send({ type: 'milestone', at, summary })
  })
  return { ...(from && { from }), deliver }
}
