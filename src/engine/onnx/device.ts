/** ONNX Runtime's devices: how a session is put on one, and what is said where that fails. */
import onnxProto from 'onnx-proto'
import type { InferenceSession } from 'onnxruntime-node'
import { sentenceOf } from '../../base/errors.js'
import { EngineError } from '../engine.js'
import type { EngineOptions } from '../request.js'

type Providers = NonNullable<InferenceSession.SessionOptions['executionProviders']>

/** Operators that a device lacks, and shapes as small integers, are computed by the CPU. */
const providers = ({ device, deviceIndex = 0 }: EngineOptions, graph: Uint8Array): Providers => {
  switch (device) {
    case 'cpu':
      return ['cpu']
    case 'cuda':
      return [{ name: 'cuda', deviceId: deviceIndex }, 'cpu']
    case 'webgpu': {
      const forceCpuNodeNames = notForWebgpu(graph)
      // It does not take an empty list.
      return [{ name: 'webgpu', ...(forceCpuNodeNames.length === 0 ? {} : { forceCpuNodeNames }) }, 'cpu']
    }
  }
}

/**
 * Without an arena of its own, a session's memory between calls is the process's: a pool of 18 step functions (d 192,
 * depth 12, batch 32) then takes 0.5 GiB, with arenas 3.8, and with memory patterns too 6.5. What an arena spares, new
 * pages at every call, the C library spares as well where it keeps freed memory, as it is told in the environment of
 * the processes that run stages. Elsewhere a step with large tensors is slower without an arena.
 */
const keepsFreedMemory = (): boolean => process.env['MALLOC_TRIM_THRESHOLD_'] !== undefined

/** What sessions on the CPU have in common. */
export const cpuSessionOptions = (threads: number): InferenceSession.SessionOptions => ({
  executionProviders: ['cpu'],
  intraOpNumThreads: threads,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  graphOptimizationLevel: 'all',
  enableCpuMemArena: !keepsFreedMemory(),
  enableMemPattern: false,
  logSeverityLevel: 3,
  // A spinning thread takes the core from stages that run beside this one: with two threads on two busy cores a step
  // took twice as long.
  extra: { session: { intra_op: { allow_spinning: '0' } } },
})

/** Of a session for this graph, an ONNX model. */
export const sessionOptions = (request: EngineOptions, graph: Uint8Array): InferenceSession.SessionOptions => ({
  ...cpuSessionOptions(request.threads),
  executionProviders: providers(request, graph),
})

/** Has CUDA compute products of 32-bit floats in full, as the CPU does; read when its libraries are loaded. */
export const prepareDevice = ({ device }: EngineOptions): void => {
  if (device === 'cuda') process.env['NVIDIA_TF32_OVERRIDE'] ??= '0'
}

/** What the libraries throw → what is wrong and what to do. */
const explanations: readonly (readonly [RegExp, (request: EngineOptions) => string])[] = [
  [
    /WebGPU adapter|No supported adapters/,
    () =>
      "no graphics adapter with a Vulkan driver was found; install the GPU's driver (Debian, Ubuntu: libvulkan1 and " +
      'mesa-vulkan-drivers), or use the device cpu',
  ],
  [
    /ExecutionProvider_Cuda: Failed to load shared library|providers_(cuda|shared)/,
    () =>
      "its CUDA provider, NVIDIA's driver, CUDA 12 or cuDNN 9 is missing; run genepool engine install cuda, " +
      'and genepool doctor to see which it is, or use the device cpu',
  ],
  [
    /invalid device ordinal|CUDA failure 101/,
    ({ deviceIndex = 0 }) => `there is no GPU ${deviceIndex}; GPUs are counted from 0`,
  ],
  [/CUDA failure 100|no CUDA-capable device/, () => 'CUDA finds no GPU; see that nvidia-smi names one'],
  [
    /Available memory|out of memory|Failed to allocate memory/i,
    () => 'there is not enough memory; make the batch smaller, or see that no other program fills the memory',
  ],
]

/** The library's own first line without places in its source. */
const plain = (message: string): string =>
  message
    .split('\n')[0]
    .replace(/^\S*\/onnxruntime_src\/\S+ .* was false\. /, '')
    .replace(/^\S*\/onnxruntime_src\/\S+ /, '')

/** `what` is the clause before the reason, such as `step: ONNX Runtime failed`. */
export const deviceError = (what: string, request: EngineOptions, cause: unknown): EngineError => {
  const message = sentenceOf(cause)
  const known = explanations.find(([pattern]) => pattern.test(message))
  return new EngineError(`${what}: ${known === undefined ? plain(message) : known[1](request)}`, { cause })
}

const { ModelProto } = onnxProto.onnx

type Node = InstanceType<typeof onnxProto.onnx.NodeProto>

const integers = (node: Node, name: string): readonly number[] => {
  const attribute = node.attribute.find((candidate) => candidate.name === name)
  return (attribute?.ints ?? []).map(Number)
}

const integer = (node: Node, name: string, otherwise: number): number => {
  const attribute = node.attribute.find((candidate) => candidate.name === name)
  return attribute === undefined ? otherwise : Number(attribute.i)
}

/**
 * By operator: which of its nodes ONNX Runtime's WebGPU device takes and then fails to compute, or computes wrongly
 * (1.30).
 */
const unfit: Readonly<Record<string, (node: Node) => boolean>> = {
  // With groups its results are wrong; in three dimensions it ends in an error.
  ConvTranspose: (node) => integer(node, 'group', 1) !== 1 || integers(node, 'strides').length > 2,
}

/** Names of the nodes of this ONNX model that the CPU has to compute instead. */
const notForWebgpu = (bytes: Uint8Array): readonly string[] =>
  (ModelProto.decode(bytes).graph?.node ?? [])
    .filter((node) => unfit[node.opType ?? '']?.(node as Node) === true)
    .flatMap(({ name }) => name ?? [])
