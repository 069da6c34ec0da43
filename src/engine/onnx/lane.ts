/**
 * The thread of one lane: keeps sessions, and runs their calls one after the other. ONNX Runtime takes no memory that
 * threads share, so inputs are copied in and outputs out; the inputs' memory serves all functions of the lane in turn.
 */
import { parentPort, workerData } from 'node:worker_threads'
import * as ort from 'onnxruntime-node'
import { sentenceOf } from '../../base/errors.js'
import { discard } from '../host-values.js'
import type { DType, HostArray } from '../engine.js'
import type { LaneAnswer, LaneOptions, LaneRequest, NamedSpec } from './lane-pool.js'
import { Sessions, type SharedSession } from './sessions.js'

type Feeds = Readonly<Record<string, ort.Tensor>>

interface Loaded {
  readonly session: SharedSession<ort.InferenceSession>
  readonly inputs: readonly NamedSpec[]
  readonly outputs: readonly NamedSpec[]
  /** Tensors over the scratch memory, as it was when they were made. */
  feeds?: { readonly memory: ArrayBuffer; readonly tensors: Feeds }
}

interface Bound {
  readonly id: number
  /** The caller's arrays, in the order of the function's inputs and outputs. */
  readonly inputs: readonly HostArray[]
  readonly outputs: readonly HostArray[]
}

const port = parentPort!
const { session: sessionOptions, sessions: limit } = workerData as LaneOptions
const sessions = new Sessions<ort.InferenceSession>(limit, ({ bytes }) =>
  ort.InferenceSession.create(bytes, sessionOptions),
)
const functions = new Map<number, Loaded>()
const bindings = new Map<number, Bound>()
let scratch = new ArrayBuffer(0)

/** Bytes of a tensor, rounded up so that the next one starts on a cache line. */
const strideOf = ({ size }: NamedSpec): number => Math.ceil((4 * size) / 64) * 64

const viewOf = (dtype: DType, offset: number, size: number): HostArray =>
  dtype === 'int32' ? new Int32Array(scratch, offset, size) : new Float32Array(scratch, offset, size)

const feedsOf = (loaded: Loaded): Feeds => {
  if (loaded.feeds?.memory === scratch) return loaded.feeds.tensors
  const needed = loaded.inputs.reduce((sum, spec) => sum + strideOf(spec), 0)
  if (needed > scratch.byteLength) scratch = new ArrayBuffer(needed)
  let offset = 0
  const tensors: Record<string, ort.Tensor> = {}
  for (const spec of loaded.inputs) {
    tensors[spec.name] = new ort.Tensor(spec.dtype, viewOf(spec.dtype, offset, spec.size), spec.shape)
    offset += strideOf(spec)
  }
  loaded.feeds = { memory: scratch, tensors }
  return tensors
}

const run = async ({ id, inputs, outputs }: Bound): Promise<void> => {
  const loaded = functions.get(id)!
  const feeds = feedsOf(loaded)
  loaded.inputs.forEach(({ name }, index) => (feeds[name].data as HostArray).set(inputs[index]))
  const names = loaded.outputs.map(({ name }) => name)
  const results = await loaded.session.use((session) => session.run(feeds, names))
  const arrays = names.map((name) => results[name].data as HostArray)
  arrays.forEach((values, index) => outputs[index].set(values))
  discard(arrays)
}

const answer = async (request: LaneRequest): Promise<void> => {
  switch (request.type) {
    case 'load': {
      const { id, label, bytes, inputs, outputs } = request
      functions.set(id, { session: await sessions.open({ label, bytes, resident: [] }), inputs, outputs })
      return
    }
    case 'bind':
      bindings.set(request.binding, request)
      return
    case 'run':
      return run(bindings.get(request.binding)!)
    case 'call': {
      // genepool: opaque whoever names a module has its URL from a literal, which is followed there
      const exported = (await import(request.module)) as Record<string, (...args: readonly unknown[]) => void>
      return exported[request.name](...request.args)
    }
    case 'release': {
      for (const [binding, { id }] of bindings) if (id === request.id) bindings.delete(binding)
      const loaded = functions.get(request.id)
      functions.delete(request.id)
      return loaded?.session.release()
    }
    case 'end': {
      for (const { session } of functions.values()) await session.release()
      functions.clear()
      bindings.clear()
      return
    }
  }
}

// One at a time, in the order of arrival.
let last = Promise.resolve()
port.on('message', (request: LaneRequest) => {
  last = last.then(() =>
    answer(request).then(
      () => {
        port.postMessage({ call: request.call } satisfies LaneAnswer)
        if (request.type === 'end') port.close()
      },
      (error: unknown) => {
        const reason = sentenceOf(error)
        port.postMessage({ call: request.call, error: reason } satisfies LaneAnswer)
      },
    ),
  )
})
