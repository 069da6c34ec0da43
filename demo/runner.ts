/** The page's side of the thread that runs models. */
import type { Answer, Ready, Reply, Request, Timing } from './messages.js'

type Wish = Request extends infer R ? (R extends Request ? Omit<R, 'call'> : never) : never

export class Runner {
  readonly #worker = new Worker(new URL('./inference.js', import.meta.url), { type: 'module' })
  readonly #waiting = new Map<number, { resolve: (result: never) => void; reject: (error: Error) => void }>()
  #calls = 0

  constructor() {
    this.#worker.addEventListener('message', ({ data }: MessageEvent<Reply>) => {
      const waiting = this.#waiting.get(data.call)
      this.#waiting.delete(data.call)
      if ('error' in data) waiting?.reject(new Error(data.error))
      else waiting?.resolve(data.result as never)
    })
    this.#worker.addEventListener('error', ({ message }) => {
      for (const { reject } of this.#waiting.values())
        reject(new Error(`the thread that runs models ended: ${message}`))
      this.#waiting.clear()
    })
  }

  #ask<A>(wish: Wish): Promise<A> {
    const call = this.#calls++
    return new Promise<A>((resolve, reject) => {
      this.#waiting.set(call, { resolve: resolve as (result: never) => void, reject })
      this.#worker.postMessage({ ...wish, call })
    })
  }

  /** Loads the runtime. */
  open(): Promise<Ready> {
    return this.#ask({ kind: 'open' })
  }

  /** Times a model by its id, once. */
  measure(model: number): Promise<Timing> {
    return this.#ask({ kind: 'measure', model })
  }

  /** Pixels `[n, size, size, channels]`, normalised. */
  classify(model: number, pixels: Float32Array): Promise<Answer> {
    return this.#ask({ kind: 'classify', model, pixels })
  }
}
