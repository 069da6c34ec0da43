/** Threads that decode pictures and crop or augment them, a bounded number of pictures at a time. */
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { AugmentParams } from '../../dsl/nodes.js'
import { StageError } from '../../runtime/errors.js'
import type { CropRule } from './evaluation-crop.js'
import type { DecodingRules } from './picture.js'

/** What is made of every picture. */
export interface PictureRules extends CropRule, DecodingRules {}

/** What is made of training pictures, whose pixels are then normalised by `mean` and `std`, by channel. */
export interface PictureAugmentation {
  readonly augment: AugmentParams
  readonly mean: readonly number[]
  readonly std: readonly number[]
}

/** What a thread is started with. */
export interface PictureThreadOptions {
  /** URL of the module that decodes. */
  readonly decoder: string
  readonly rules: PictureRules
  readonly augmentation?: PictureAugmentation
}

/** What the draws of a picture's augmentation are a function of: `Generator.from` of these. */
export interface PictureDraws {
  readonly seed: number
  readonly labels: readonly string[]
}

/** One picture: a file, or a part of one. */
interface PictureWish {
  readonly file: string
  readonly part?: { readonly at: number; readonly length: number }
  /** Given where it is to be augmented. */
  readonly draws?: PictureDraws
  /** Whether the encoded bytes are wanted too. */
  readonly returnsFile?: boolean
}

export interface PictureRequest extends PictureWish {
  /** Comes back with the answer. */
  readonly call: number
}

interface MadePicture {
  /** `[imageSize, imageSize, 3]`: the evaluation crop's bytes, or the augmented picture, normalised. */
  readonly pixels: Uint8Array | Float32Array
  readonly encoded?: Uint8Array
}

export interface PictureAnswer extends Partial<MadePicture> {
  readonly call: number
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

/** More threads than this wait for the disk. */
const MOST_THREADS = 16

/** Pictures under way in a thread: one is read and decoded while another is resized. */
const PER_THREAD = 2

interface Thread {
  readonly worker: Worker
  readonly waiting: Map<number, { resolve: (made: MadePicture) => void; reject: (error: Error) => void }>
}

export class PictureThreads {
  readonly #threads: readonly Thread[]
  /** Of pictures under way at a time. */
  readonly #bound: number
  #calls = 0
  #ended: Error | undefined

  /** `decoder` is the `package.json` of sharp. */
  constructor(
    decoder: string,
    options: Omit<PictureThreadOptions, 'decoder'>,
    count = Math.min(availableParallelism(), MOST_THREADS),
  ) {
    // genepool: opaque the package's version is part of the stage's sources
    const url = pathToFileURL(createRequire(decoder).resolve('sharp')).href
    this.#bound = PER_THREAD * count
    this.#threads = Array.from({ length: count }, () => {
      const thread: Thread = { worker: startThread({ ...options, decoder: url }), waiting: new Map() }
      const { worker, waiting } = thread
      // Only a picture under way keeps the process.
      worker.unref()
      worker.on('message', ({ call, pixels, encoded, error }: PictureAnswer) => {
        const caller = waiting.get(call)
        waiting.delete(call)
        if (waiting.size === 0) worker.unref()
        if (pixels === undefined) caller?.reject(new UnreadablePicture(error))
        else caller?.resolve({ pixels, ...(encoded && { encoded }) })
      })
      worker.on('error', (cause) => this.#end(`a thread that decodes pictures ended: ${cause.message}`))
      worker.on('exit', (code) => this.#end(`a thread that decodes pictures ended (exit code ${code})`))
      return thread
    })
  }

  #end(message: string): void {
    this.#ended ??= new StageError({ message })
    for (const { waiting } of this.#threads) {
      for (const { reject } of waiting.values()) reject(this.#ended)
      waiting.clear()
    }
  }

  #make(wish: PictureWish): Promise<MadePicture | UnreadablePicture> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended)
    const call = this.#calls++
    const { worker, waiting } = this.#threads.reduce((a, b) => (b.waiting.size < a.waiting.size ? b : a))
    return new Promise<MadePicture>((resolve, reject) => {
      if (waiting.size === 0) worker.ref()
      waiting.set(call, { resolve, reject })
      worker.postMessage({ ...wish, call } satisfies PictureRequest)
    }).catch((cause: unknown) => {
      if (cause instanceof UnreadablePicture) return cause
      throw cause
    })
  }

  /**
   * Makes so many pictures, a few a thread at a time; `take` is called with the number of each and what became of it,
   * in any order.
   */
  async each(
    count: number,
    wishOf: (index: number) => PictureWish,
    take: (index: number, made: MadePicture | UnreadablePicture) => void,
  ): Promise<void> {
    let next = 0
    const work = async (): Promise<void> => {
      while (next < count) {
        const index = next++
        take(index, await this.#make(wishOf(index)))
      }
    }
    await Promise.all(Array.from({ length: this.#bound }, work))
  }

  /** The same in their order. Of those that wait for an earlier one there are as many as are under way, at most. */
  async eachInOrder(...[count, wishOf, take]: Parameters<PictureThreads['each']>): Promise<void> {
    const underWay: Promise<MadePicture | UnreadablePicture>[] = []
    for (let next = 0, taken = 0; taken < count; taken++) {
      for (; next < count && underWay.length < 2 * this.#bound; next++) {
        const made = this.#make(wishOf(next))
        // It is reported where it is taken; without a handler here it would end the process.
        made.catch(() => {})
        underWay.push(made)
      }
      take(taken, await underWay.shift()!)
    }
  }

  async end(): Promise<void> {
    await Promise.all(this.#threads.map(({ worker }) => worker.terminate()))
  }
}
