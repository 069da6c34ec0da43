/**
 * Lanes of ONNX Runtime on the CPU: worker threads with sessions of their own, and the messages that pass between them
 * and the engine. A thread's side of it is lane.ts.
 */
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { InferenceSession } from 'onnxruntime-node'
import {
  type BoundCall,
  type DType,
  EngineError,
  type HostArray,
  type LaneFunction,
  type Lanes,
  type TensorSpec,
} from '../engine.js'
import { checkedInput, checkSpecs, sizeOfShape } from '../host-values.js'
import { traceToOnnx } from './trace.js'

/** What a lane is started with. */
export interface LaneOptions {
  readonly session: InferenceSession.SessionOptions
  /** How many sessions it keeps in memory. */
  readonly sessions: number
}

/** An input or output under its name in the model. */
export interface NamedSpec {
  readonly name: string
  readonly shape: readonly number[]
  readonly dtype: DType
  /** Elements. */
  readonly size: number
}

export type LaneRequest = { /** Comes back with the answer. */ readonly call: number } & (
  | {
      readonly type: 'load'
      readonly id: number
      readonly label: string
      readonly bytes: Uint8Array
      readonly inputs: readonly NamedSpec[]
      readonly outputs: readonly NamedSpec[]
    }
  | {
      readonly type: 'bind'
      readonly binding: number
      readonly id: number
      readonly inputs: readonly HostArray[]
      readonly outputs: readonly HostArray[]
    }
  | { readonly type: 'run'; readonly binding: number }
  | { readonly type: 'call'; readonly module: string; readonly name: string; readonly args: readonly unknown[] }
  | { readonly type: 'release'; readonly id: number }
  /** Releases what is left; the thread then ends by itself. */
  | { readonly type: 'end' }
)

export interface LaneAnswer {
  readonly call: number
  /** What went wrong, where something did. */
  readonly error?: string
}

/** What a request is without the number that its answer brings back. */
type Unnumbered = LaneRequest extends infer Request ? (Request extends unknown ? Omit<Request, 'call'> : never) : never

/** A lane's own objects are few: what it computes with lies outside of V8's heap. */
const resourceLimits = { maxYoungGenerationSizeMb: 4 }

const startLane = (options: LaneOptions): Worker => {
  if (!import.meta.url.endsWith('.ts')) {
    return new Worker(new URL('./lane.js', import.meta.url), { workerData: options, resourceLimits })
  }
  // From source: the thread first needs the loader that compiled this file.
  // genepool: opaque the loader changes nothing of what it loads
  const tsx = createRequire(import.meta.url).resolve('tsx/esm/api')
  const loader = pathToFileURL(tsx.replace(/cjs$/, 'mjs')).href
  // genepool: opaque the source of ./lane.js above
  const source = new URL('./lane.ts', import.meta.url).href
  const start = `import('${loader}').then(({ register }) => { register(); return import('${source}') })`
  // genepool: opaque it imports the loader and ./lane.ts, which is followed above
  return new Worker(start, { workerData: options, resourceLimits, eval: true, execArgv: [] })
}

/** One thread. */
class Lane {
  readonly #worker: Worker
  readonly #waiting = new Map<number, { readonly resolve: () => void; readonly reject: (error: EngineError) => void }>()
  #calls = 0
  /** Why the thread is no more. */
  #ended: string | undefined

  constructor(options: LaneOptions) {
    this.#worker = startLane(options)
    this.#worker.unref()
    this.#worker.on('message', ({ call, error }: LaneAnswer) => {
      const waiting = this.#waiting.get(call)
      this.#waiting.delete(call)
      if (this.#waiting.size === 0) this.#worker.unref()
      if (error === undefined) waiting?.resolve()
      else waiting?.reject(new EngineError(error))
    })
    this.#worker.on('error', (error) => this.#end(error.message))
    this.#worker.on('exit', (code) => this.#end(`its thread ended (exit code ${code})`))
  }

  #end(reason: string): void {
    this.#ended ??= reason
    for (const { reject } of this.#waiting.values()) reject(new EngineError(reason))
    this.#waiting.clear()
  }

  ask(request: Unnumbered): Promise<void> {
    if (this.#ended !== undefined) return Promise.reject(new EngineError(this.#ended))
    const call = this.#calls++
    return new Promise((resolve, reject) => {
      this.#waiting.set(call, { resolve, reject })
      this.#worker.ref()
      this.#worker.postMessage({ ...request, call })
    })
  }

  /** Lets its calls end. A thread that is terminated within a call of ONNX Runtime's takes the process with it. */
  async end(): Promise<void> {
    if (this.#ended !== undefined) return
    const exit = new Promise<void>((resolve) => {
      this.#worker.once('exit', () => resolve())
    })
    await this.ask({ type: 'end' }).catch(() => {})
    this.#worker.ref()
    await exit
  }
}

const named = (name: string, { shape, dtype }: TensorSpec): NamedSpec => ({
  name,
  shape,
  dtype,
  size: sizeOfShape(shape),
})

interface LanePool extends Lanes {
  readonly release: () => Promise<void>
}

/** Starts no thread before the first function is compiled. `options` hold for every lane; `failed` words its errors. */
export const openLanePool = (
  count: number,
  options: LaneOptions,
  failed: (label: string, cause: unknown) => EngineError,
): LanePool => {
  let lanes: readonly Lane[] = []
  let [functions, bindings] = [0, 0]
  const started = (): readonly Lane[] => {
    if (lanes.length === 0) lanes = Array.from({ length: count }, () => new Lane(options))
    return lanes
  }

  const compile: Lanes['compile'] = async (label, fn, inputs) => {
    checkSpecs(label, inputs)
    const { bytes, outputs, outputNames } = traceToOnnx(label, fn, inputs)
    const id = functions++
    const described = {
      type: 'load',
      id,
      label,
      bytes,
      inputs: Object.entries(inputs).map(([name, spec]) => named(name, spec)),
      outputs: Object.entries(outputs).map(([name, spec]) => named(outputNames[name], spec)),
    } as const
    const explain = (cause: unknown): never => {
      throw failed(label, cause)
    }
    /** Lanes that have the session, or will soon. */
    const loading = new Map<Lane, Promise<void>>()
    let released = false
    let next = 0
    const bind: LaneFunction['bind'] = (values, into) => {
      const lane = started()[next++ % count]
      const binding = bindings++
      const given = Object.entries(inputs).map(([name, spec]) => checkedInput(label, name, spec, values))
      const taken: HostArray[] = Object.entries(outputs).map(([name, spec]) => checkedInput(label, name, spec, into))
      const ready = loading.get(lane) ?? lane.ask(described)
      loading.set(lane, ready)
      const bound = ready.then(() => lane.ask({ type: 'bind', binding, id, inputs: given, outputs: taken }))
      // Whoever calls hears of it; until then it is nobody's unhandled rejection.
      bound.catch(() => {})
      const call: BoundCall = async () => {
        if (released) throw new EngineError(`${label} was run after it had been released`)
        await bound.then(() => lane.ask({ type: 'run', binding })).catch(explain)
        return into
      }
      return call
    }
    const release = async (): Promise<void> => {
      if (released) return
      released = true
      await Promise.all([...loading.keys()].map((lane) => lane.ask({ type: 'release', id })))
    }
    return { outputs, bind, release } satisfies LaneFunction
  }

  return {
    count,
    compile,
    allocate: (length) => new Float32Array(new SharedArrayBuffer(4 * length)),
    call: async (calls) => {
      const all = started()
      await Promise.all(calls.map((call, index) => all[index % count].ask({ type: 'call', ...call })))
    },
    release: async () => {
      await Promise.all(lanes.map((lane) => lane.end()))
      lanes = []
    },
  }
}
