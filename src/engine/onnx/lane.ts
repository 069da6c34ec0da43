/**
 * The thread of one lane: keeps sessions, and runs their calls one after the other. ONNX Runtime takes no memory that
 * threads share, so inputs are copied in and outputs out; the copies' memory serves all functions of the lane in turn.
 */
import { parentPort, workerData } from 'node:worker_threads'
import * as ort from 'onnxruntime-node'
import type { DType, HostArray } from '../engine.js'
import type { LaneAnswer, LaneRequest, NamedSpec } from './lane-messages.js'

interface Loaded {
  readonly session: ort.InferenceSession
  readonly inputs: readonly NamedSpec[]
  readonly outputs: readonly NamedSpec[]
  /** Tensors over the scratch memory, as it was when they were made. */
  tensors?: { readonly memory: ArrayBuffer; readonly feeds: Tensors; readonly fetches: Tensors }
}

interface Bound {
  readonly id: number
  /** The caller's arrays, in the order of the function's inputs and outputs. */
  readonly inputs: readonly HostArray[]
  readonly outputs: readonly HostArray[]
}

type Tensors = Record<string, ort.Tensor>

const port = parentPort!
const options = workerData as ort.InferenceSession.SessionOptions
const functions = new Map<number, Loaded>()
const bindings = new Map<number, Bound>()
let scratch = new ArrayBuffer(0)

/** Bytes of a tensor, rounded up so that the next one starts on a cache line. */
const strideOf = ({ size }: NamedSpec): number => Math.ceil((4 * size) / 64) * 64

const viewOf = (dtype: DType, memory: ArrayBuffer, offset: number, size: number): HostArray =>
  dtype === 'int32' ? new Int32Array(memory, offset, size) : new Float32Array(memory, offset, size)

const tensorsOf = (loaded: Loaded) => {
  if (loaded.tensors?.memory === scratch) return loaded.tensors
  const all = [...loaded.inputs, ...loaded.outputs]
  const needed = all.reduce((sum, spec) => sum + strideOf(spec), 0)
  if (needed > scratch.byteLength) scratch = new ArrayBuffer(needed)
  let offset = 0
  const tensors = (specs: readonly NamedSpec[]): Tensors =>
    Object.fromEntries(
      specs.map((spec) => {
        const view = viewOf(spec.dtype, scratch, offset, spec.size)
        offset += strideOf(spec)
        return [spec.name, new ort.Tensor(spec.dtype, view, spec.shape)]
      }),
    )
  loaded.tensors = { memory: scratch, feeds: tensors(loaded.inputs), fetches: tensors(loaded.outputs) }
  return loaded.tensors
}

const run = async ({ id, inputs, outputs }: Bound): Promise<void> => {
  const loaded = functions.get(id)!
  const { feeds, fetches } = tensorsOf(loaded)
  loaded.inputs.forEach(({ name }, index) => (feeds[name]!.data as HostArray).set(inputs[index]!))
  await loaded.session.run(feeds, fetches)
  loaded.outputs.forEach(({ name }, index) => outputs[index]!.set(fetches[name]!.data as HostArray))
}

const answer = async (request: LaneRequest): Promise<void> => {
  switch (request.type) {
    case 'load': {
      const session = await ort.InferenceSession.create(request.bytes, options)
      functions.set(request.id, { session, inputs: request.inputs, outputs: request.outputs })
      return
    }
    case 'bind':
      bindings.set(request.binding, request)
      return
    case 'run':
      return run(bindings.get(request.binding)!)
    case 'call': {
      const exported = (await import(request.module)) as Record<string, (...args: readonly unknown[]) => void>
      return exported[request.name]!(...request.args)
    }
    case 'release': {
      for (const [binding, { id }] of bindings) if (id === request.id) bindings.delete(binding)
      const loaded = functions.get(request.id)
      functions.delete(request.id)
      return loaded?.session.release()
    }
  }
}

// One at a time, in the order of arrival.
let last = Promise.resolve()
port.on('message', (request: LaneRequest) => {
  last = last.then(() =>
    answer(request).then(
      () => port.postMessage({ call: request.call } satisfies LaneAnswer),
      (error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error)
        port.postMessage({ call: request.call, error: reason } satisfies LaneAnswer)
      },
    ),
  )
})
