/** Threads that decode pictures and crop them, a bounded number of pictures at a time. */
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { StageError } from '../../runtime/errors.js'
import type { CropRule } from './evaluation-crop.js'
import type { Orientation } from './picture.js'

/** What a thread is started with. */
export interface PictureThreadOptions {
  /** URL of the module that decodes. */
  readonly decoder: string
  readonly rule: CropRule
  readonly orientation: Orientation
}

export interface CropRequest {
  /** Comes back with the answer. */
  readonly call: number
  readonly file: string
}

export interface CropAnswer {
  readonly call: number
  readonly crop?: Uint8Array
  /** What is wrong with the picture, where something is. */
  readonly error?: string
}

/** A picture that cannot be used: what is wrong with it. */
export class UnreadablePicture extends Error {
  override readonly name = 'UnreadablePicture'
}

const startThread = (options: PictureThreadOptions): Worker => {
  if (!import.meta.url.endsWith('.ts')) {
    return new Worker(new URL('./picture-thread.js', import.meta.url), { workerData: options })
  }
  // From source: the thread first needs the loader that compiled this file.
  // genepool: opaque the loader changes nothing of what it loads
  const tsx = createRequire(import.meta.url).resolve('tsx/esm/api')
  const loader = pathToFileURL(tsx.replace(/cjs$/, 'mjs')).href
  // genepool: opaque the source of ./picture-thread.js above
  const source = new URL('./picture-thread.ts', import.meta.url).href
  const start = `import('${loader}').then(({ register }) => { register(); return import('${source}') })`
  // genepool: opaque it imports the loader and ./picture-thread.ts, which is followed above
  return new Worker(start, { workerData: options, eval: true, execArgv: [] })
}

/** Pictures under way in a thread: one is read and decoded while another is resized. */
const PER_THREAD = 2

interface Waiting {
  readonly resolve: (crop: Uint8Array) => void
  readonly reject: (error: Error) => void
}

export class PictureThreads {
  readonly #threads: readonly Worker[]
  readonly #waiting = new Map<number, Waiting>()
  #calls = 0
  #ended: Error | undefined

  constructor(count: number, options: PictureThreadOptions) {
    this.#threads = Array.from({ length: count }, () => startThread(options))
    for (const thread of this.#threads) {
      thread.on('message', ({ call, crop, error }: CropAnswer) => {
        const waiting = this.#waiting.get(call)
        this.#waiting.delete(call)
        if (crop === undefined) waiting?.reject(new UnreadablePicture(error))
        else waiting?.resolve(crop)
      })
      thread.on('error', (cause) => this.#end(`a thread that decodes pictures ended: ${cause.message}`))
      thread.on('exit', (code) => this.#end(`a thread that decodes pictures ended (exit code ${code})`))
    }
  }

  #end(message: string): void {
    this.#ended ??= new StageError({ message })
    for (const { reject } of this.#waiting.values()) reject(this.#ended)
    this.#waiting.clear()
  }

  #crop(file: string): Promise<Uint8Array> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended)
    const call = this.#calls++
    return new Promise((resolve, reject) => {
      this.#waiting.set(call, { resolve, reject })
      this.#threads[call % this.#threads.length].postMessage({ call, file } satisfies CropRequest)
    })
  }

  /**
   * Crops of so many files in any order of time; `take` is called with the number of each and its crop, or with what is
   * wrong with the picture. No more than a few pictures a thread are in memory.
   */
  async crops(
    count: number,
    fileOf: (index: number) => string,
    take: (index: number, crop: Uint8Array | UnreadablePicture) => void,
  ): Promise<void> {
    let next = 0
    const work = async (): Promise<void> => {
      while (next < count) {
        const index = next++
        take(
          index,
          await this.#crop(fileOf(index)).catch((cause: unknown) => {
            if (cause instanceof UnreadablePicture) return cause
            throw cause
          }),
        )
      }
    }
    await Promise.all(Array.from({ length: PER_THREAD * this.#threads.length }, work))
  }

  async end(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.terminate()))
  }
}
