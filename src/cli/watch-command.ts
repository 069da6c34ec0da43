/** `genepool watch`: runs, and runs again whenever the definition changes. Each run is a fresh process. */
import * as path from 'node:path'
import { spawn, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import * as fs from 'node:fs'
import * as Effect from 'effect/Effect'
import { UsageError } from '../runtime/errors.js'
import { nextChange } from '../runtime/watch.js'
import { parseTarget } from './target.js'

export interface WatchFlags {
  readonly pipeline: string
  readonly store: string
  /** The flags of `genepool run`, as they were given. */
  readonly runFlags: readonly string[]
}

const bin = fileURLToPath(new URL('./bin.js', import.meta.url))

/** How long an interrupted run may take before it is made to stop. */
const graceMs = 3_000

const stop = (child: ChildProcess): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    if (child.exitCode !== null || child.signalCode !== null) return resume(Effect.void)
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
    child.once('exit', () => {
      clearTimeout(timer)
      resume(Effect.void)
    })
    child.kill('SIGINT')
  })

const say = (text: string): Effect.Effect<void> =>
  Effect.sync(() => {
    process.stderr.write(`genepool: ${text}\n`)
  })

/** One run and the wait for the next change; a change interrupts the run, which goes on from its checkpoints afterwards. */
const runUntilChange = (flags: WatchFlags) =>
  Effect.scoped(
    Effect.gen(function* () {
      yield* Effect.acquireRelease(
        Effect.sync(() => {
          const child = spawn(
            process.execPath,
            [bin, 'run', flags.pipeline, '--store', flags.store, ...flags.runFlags],
            {
              stdio: ['ignore', 'inherit', 'inherit'],
            },
          )
          child.once('exit', () => process.stderr.write(`genepool: waiting for changes of ${flags.pipeline}\n`))
          return child
        }),
        stop,
      )
      const changed = yield* nextChange(parseTarget(flags.pipeline).file, flags.store)
      yield* say(`${changed.map((file) => path.relative(process.cwd(), file)).join(', ')} changed`)
    }),
  )

export const watchCommand = Effect.fnUntraced(function* (flags: WatchFlags) {
  const { file } = parseTarget(flags.pipeline)
  if (!fs.existsSync(file)) {
    return yield* new UsageError({ message: `there is no pipeline file ${file}` })
  }
  return yield* Effect.forever(runUntilChange(flags))
})
