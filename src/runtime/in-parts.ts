/**
 * Long work of this process's own, such as reading a file of many gigabytes: done in parts, so that between two of them
 * Ctrl-C is heard and everything else has its turn.
 */
import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import * as Effect from 'effect/Effect'

/** Yields after each part; with a promise, that is waited for. Given up, it is closed, which runs its `finally`. */
export type InParts<A> = Generator<Promise<unknown> | undefined, A, void>

/** Parts follow each other for so long before anything else has its turn. */
const turnMs = 50

/** Does the work; fails with what it throws. Interrupted, it does no further part. */
export const inParts = <A>(begin: () => InParts<A>): Effect.Effect<A, unknown> =>
  Effect.callback((resume) => {
    let isGivenUp = false
    let work: InParts<A> | undefined
    const go = (next: () => ReturnType<InParts<A>['next']>): void => {
      if (isGivenUp) return
      const end = performance.now() + turnMs
      try {
        for (let part = next(); ; part = work!.next()) {
          if (part.done === true) return resume(Effect.succeed(part.value))
          if (part.value !== undefined) {
            part.value.then(
              () => go(() => work!.next()),
              (cause: unknown) => go(() => work!.throw(cause)),
            )
            return
          }
          if (performance.now() < end) continue
          setImmediate(go, () => work!.next())
          return
        }
      } catch (cause) {
        resume(Effect.fail(cause))
      }
    }
    go(() => (work = begin()).next())
    return Effect.sync(() => {
      isGivenUp = true
      work?.return(undefined as never)
    })
  })

/** The same to its end, whatever that takes; for work that waits for nothing. */
export const atOnce = <A>(work: InParts<A>): A => {
  for (;;) {
    const part = work.next()
    if (part.done === true) return part.value
  }
}

const partBytes = 1 << 20

/** Reads an open file from where it stands, part by part: each holds until the next. */
export function* readInParts(descriptor: number, take: (part: Uint8Array) => void): InParts<void> {
  const buffer = Buffer.allocUnsafe(partBytes)
  for (let read = fs.readSync(descriptor, buffer); read > 0; read = fs.readSync(descriptor, buffer)) {
    take(buffer.subarray(0, read))
    yield
  }
}

/** Copies a file, with its rights: the copy is there whole or not at all. */
export function* copyInParts(from: string, to: string): InParts<void> {
  const temporary = `${to}.${randomBytes(4).toString('hex')}.tmp`
  const source = fs.openSync(from, 'r')
  try {
    const copy = fs.openSync(temporary, 'wx', fs.fstatSync(source).mode)
    try {
      yield* readInParts(source, (part) => fs.writeFileSync(copy, part))
    } finally {
      fs.closeSync(copy)
    }
    fs.renameSync(temporary, to)
  } finally {
    fs.closeSync(source)
    fs.rmSync(temporary, { force: true })
  }
}
