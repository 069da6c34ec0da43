/**
 * What the store costs beside the bytes themselves: publishing, and reading with verification, in MB/s, in turn with
 * the machine's own sha256 (Node's, of memory), plain copies and copies that are flushed to the disk as the store
 * flushes. One JSON line a figure:
 *   npm run bench:store -- [--folder DIR] [--rounds 5] [--small]
 * `publish` is a stage's files, written and lying in a folder, to the findable artifact; `verify` reads and hashes
 * every byte again, because the files were touched; `verify unchanged` is the same where nothing was. `--small` leaves
 * out the 256 MiB.
 */
import { randomBytes } from 'node:crypto'
import {
  copyFileSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  closeSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import * as Effect from 'effect/Effect'
import { fingerprintOf, type StageIdentity } from '../src/runtime/fingerprint.js'
import { Store, type Manifest } from '../src/runtime/store/store.js'
import { median, report } from './turns.js'

const { values: flags } = parseArgs({
  options: {
    folder: { type: 'string', default: tmpdir() },
    rounds: { type: 'string', default: '5' },
    small: { type: 'boolean', default: false },
  },
})
const rounds = Number(flags.rounds)
const [KiB, MiB] = [1 << 10, 1 << 20]

interface Shape {
  readonly name: string
  readonly bytes: number
  /** Files of one artifact, and how many artifacts. */
  readonly files: number
  readonly artifacts: number
}

const shapes: readonly Shape[] = [
  { name: '4 KiB, 1 000 in one artifact', bytes: 4 * KiB, files: 1_000, artifacts: 1 },
  { name: '4 KiB, 500 artifacts of one', bytes: 4 * KiB, files: 1, artifacts: 500 },
  { name: '1 MiB, 128 in one artifact', bytes: MiB, files: 128, artifacts: 1 },
  ...(flags.small ? [] : [{ name: '256 MiB, one', bytes: 256 * MiB, files: 1, artifacts: 1 }]),
]

const root = mkdtempSync(join(flags.folder, 'bench-store-'))
const run = <A, E>(use: (store: Store['Service']) => Effect.Effect<A, E>): Promise<A> =>
  Effect.runPromise(
    Effect.flatMap(Store, use).pipe(Effect.provide(Store.layer(join(root, 'store')))) as Effect.Effect<A>,
  )

const timed = async (work: () => unknown): Promise<number> => {
  const start = performance.now()
  await work()
  return performance.now() - start
}

/** No two files alike, in no round. */
let written = 0
const writeFiles = (folder: string, { bytes, files }: Shape, contents: Buffer): void => {
  mkdirSync(folder, { recursive: true })
  for (let at = 0; at < files; at++) {
    contents.writeUInt32LE((written += 1))
    writeFileSync(join(folder, `${at}.bin`), contents.subarray(0, bytes))
  }
}

const draftOf = (artifact: number, round: number) => {
  const identity = {
    params: { artifact, round, of: root },
    inputs: {},
    sources: {},
    engine: null,
  } as unknown as StageIdentity
  const made = { at: new Date().toISOString(), ms: 1, node: '', platform: '', threads: 1, run: 'bench' }
  return { fingerprint: fingerprintOf(identity), stage: `s${artifact}`, summary: {}, identity, made }
}

const foldersOf = (shape: Shape): readonly string[] =>
  Array.from({ length: shape.artifacts }, (_, at) => join(root, 'out', String(at)))

const eachFile = (shape: Shape, use: (file: string) => void): void => {
  for (const folder of foldersOf(shape)) for (let at = 0; at < shape.files; at++) use(join(folder, `${at}.bin`))
}

const copy = (shape: Shape, isFlushed: boolean): void => {
  mkdirSync(join(root, 'copies'))
  let at = 0
  eachFile(shape, (file) => {
    const to = join(root, 'copies', String(at++))
    copyFileSync(file, to)
    if (!isFlushed) return
    const descriptor = openSync(to, 'r+')
    fsyncSync(descriptor)
    closeSync(descriptor)
  })
}

const hash = (shape: Shape, contents: Buffer): void => {
  for (let at = 0; at < shape.files * shape.artifacts; at++) {
    const sha256 = createHash('sha256')
    for (let from = 0; from < shape.bytes; from += MiB)
      sha256.update(contents.subarray(from, Math.min(shape.bytes, from + MiB)))
    sha256.digest('hex')
  }
}

const oneRound = async (shape: Shape, round: number, contents: Buffer): Promise<Readonly<Record<string, number>>> => {
  for (const folder of foldersOf(shape)) writeFiles(folder, shape, contents)
  const times: Record<string, number> = {}
  times['sha256'] = await timed(() => hash(shape, contents))
  times['copy'] = await timed(() => copy(shape, false))
  rmSync(join(root, 'copies'), { recursive: true })
  times['copy and flush'] = await timed(() => copy(shape, true))
  rmSync(join(root, 'copies'), { recursive: true })
  const manifests: Manifest[] = []
  times['publish'] = await timed(() =>
    run((store) =>
      Effect.gen(function* () {
        for (const [artifact, folder] of foldersOf(shape).entries()) {
          manifests.push(yield* store.publish(draftOf(artifact, round), folder))
        }
      }),
    ),
  )
  const verify = () =>
    timed(() => run((store) => Effect.forEach(manifests, (manifest) => store.verify(manifest), { discard: true })))
  await run((store) =>
    Effect.sync(() => {
      for (const { files } of manifests) for (const file of Object.values(files)) utimesSync(store.blob(file), 1, 1)
    }),
  )
  times['verify'] = await verify()
  times['verify unchanged'] = await verify()
  rmSync(join(root, 'store'), { recursive: true })
  rmSync(join(root, 'out'), { recursive: true })
  return times
}

try {
  for (const shape of shapes) {
    const contents = randomBytes(shape.bytes)
    const all: Readonly<Record<string, number>>[] = []
    // The first one warms up.
    for (let round = 0; round <= rounds; round++) all.push(await oneRound(shape, round, contents))
    const measured = all.slice(1)
    const megabytes = (shape.bytes * shape.files * shape.artifacts) / 1e6
    const of = (work: string): number => median(measured.map((times) => times[work]))
    for (const work of Object.keys(measured[0])) {
      const ms = measured.map((times) => times[work])
      const rate = (time: number): number => (1_000 * megabytes) / time
      const about = { bench: 'store', blobs: shape.name, work, rounds }
      report({ ...about, megabytesPerSecond: rate(of(work)), min: rate(Math.max(...ms)), max: rate(Math.min(...ms)) })
    }
    for (const [work, than] of [
      ['publish', 'sha256'],
      ['publish', 'copy and flush'],
      ['verify', 'sha256'],
    ] as const) {
      report({ bench: 'store', blobs: shape.name, figure: `${work} ms / ${than} ms`, ratio: of(work) / of(than) })
    }
  }
} finally {
  rmSync(root, { recursive: true, force: true })
}
