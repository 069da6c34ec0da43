/**
 * The memory of workers: how much there is, what their C library is told about it, and how it shows that it has run
 * out.
 */
import * as os from 'node:os'
import * as path from 'node:path'
import { readTextOrEmpty } from '../../base/files.js'
import { isObject } from '../../base/objects.js'

export interface MemoryBounds {
  /** The machine's memory, or the least that a control group of this process is given. */
  readonly bytes: number
  /**
   * Processes of this control group that the kernel's out-of-memory killer has ended; undefined where it does not tell.
   */
  readonly kills: number | undefined
}

/** Where the memory controller keeps the files of a control group: version 2, version 1. */
const controllers = [
  { of: /^0::(.*)$/m, root: '', limit: 'memory.max', events: 'memory.events' },
  {
    of: /^\d+:(?:[^:]*,)?memory(?:,[^:]*)?:(.*)$/m,
    root: 'memory',
    limit: 'memory.limit_in_bytes',
    events: 'memory.oom_control',
  },
] as const

/** The group's folder and those above it; in a container the own folder may be all that there is. */
const upwards = (group: string): readonly string[] => {
  const folders: string[] = []
  for (let at = path.posix.join('/', group); ; at = path.posix.dirname(at)) {
    folders.push(at)
    if (at === '/') return folders
  }
}

/** What this process and its workers may use. `root` is where /proc and /sys are. */
export const memoryBounds = (root = '/', machineBytes = os.totalmem()): MemoryBounds => {
  const read = (...names: readonly string[]): string => readTextOrEmpty(path.join(root, ...names))
  const groups = read('proc/self/cgroup')
  let bytes = machineBytes
  let kills: number | undefined
  for (const { of, root: at, limit, events } of controllers) {
    const group = of.exec(groups)?.[1]
    if (group === undefined) continue
    for (const folder of upwards(group)) {
      const most = Number.parseInt(read('sys/fs/cgroup', at, folder, limit), 10)
      if (most > 0) bytes = Math.min(bytes, most)
      // The nearest one that tells: those above it count their other groups' too.
      const counted = /^oom_kill (\d+)$/m.exec(read('sys/fs/cgroup', at, folder, events))?.[1]
      if (kills === undefined && counted !== undefined) kills = Number(counted)
    }
  }
  // Counts the whole machine's, so only where no group does.
  const machines = /^oom_kill (\d+)$/m.exec(read('proc/vmstat'))?.[1]
  kills ??= machines === undefined ? undefined : Number(machines)
  return { bytes, kills }
}

/** Which memory has run out: V8's heap, the process's, the GPU's; `gpu-lost` may be that or a driver's fault. */
export type Exhausted = 'heap' | 'process' | 'gpu' | 'gpu-lost'

/** The first that matches says which; the GPU's before the process's, whose words are in them too. */
const texts: readonly (readonly [RegExp, Exhausted])[] = [
  // V8, fatal or thrown.
  [/JavaScript heap out of memory|Array buffer allocation failed|Allocation failed - process out of memory/i, 'heap'],
  // CUDA and its libraries, as ONNX Runtime and TensorFlow pass them on.
  [/CUDA (?:failure|error)[^\n]*out of memory|cudaErrorMemoryAllocation|CUDA_ERROR_OUT_OF_MEMORY/i, 'gpu'],
  [/CU(?:BLAS|DNN|SOLVER)_STATUS_ALLOC_FAILED/i, 'gpu'],
  [/OOM when allocating[^\n]*(?:GPU|cuda)|RESOURCE_?EXHAUSTED[^\n]*GPU/i, 'gpu'],
  [/Allocator \(GPU[^)]*\) ran out of memory/i, 'gpu'],
  // ONNX Runtime's arena on a GPU names the device or the stream's provider.
  [/BFCArena[^\n]*Failed to allocate memory[^\n]*(?:cuda|gpu)/i, 'gpu'],
  [/(?:cuda|gpu)[^\n]*Failed to allocate memory for requested buffer/i, 'gpu'],
  // WebGPU: Dawn over Vulkan, Metal and Direct3D.
  [/VK_ERROR_OUT_OF_DEVICE_MEMORY|GPUOutOfMemoryError|GPU out of memory|E_OUTOFMEMORY/i, 'gpu'],
  [/Out of memory[^\n]*(?:wgpu|webgpu|buffer)/i, 'gpu'],
  [/VK_ERROR_DEVICE_LOST|DXGI_ERROR_DEVICE_(?:REMOVED|HUNG|RESET)/i, 'gpu-lost'],
  [/(?:GPU|WebGPU) ?device (?:was |is )?lost|device is lost/i, 'gpu-lost'],
  // The C and C++ libraries, ONNX Runtime's arena, TensorFlow on the processor, the system.
  [/bad_alloc|bad_array_new_length/, 'process'],
  [/Failed to allocate memory for requested buffer of size|onnxruntime[^\n]*Failed to allocate/i, 'process'],
  [/OOM when allocating|ResourceExhausted|RESOURCE_EXHAUSTED[^\n]*(?:memory|alloc)/i, 'process'],
  [/\bENOMEM\b|Cannot allocate memory|out of memory/i, 'process'],
]

/** Which memory the text says has run out; undefined for a text that speaks of something else. */
export const exhaustedBy = (text: string): Exhausted | undefined => texts.find(([pattern]) => pattern.test(text))?.[1]

const countOf = (record: Readonly<Record<string, unknown>>, key: string): number | undefined => {
  const value = record[key]
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : undefined
}

/**
 * What to change for a stage with these parameters to need less memory. Of a training half the batch with twice the
 * batches an update: updates then see as many images as before, at the same rate; before that, activations recomputed.
 */
export const smallerBatch = (params: object): string => {
  const record = params as Readonly<Record<string, unknown>>
  const { train } = record
  if (isObject(train)) {
    const size = countOf(train, 'batchSize')
    if (size === undefined)
      return 'the stage has no batch size to make smaller; a smaller model or smaller images need less memory'
    const recomputed =
      train['checkpointBlocks'] === false ? 'checkpointBlocks: true, which takes about a third longer' : undefined
    if (size === 1) {
      const other = recomputed === undefined ? 'only' : `try ${recomputed}; else`
      return `batchSize is 1 already: ${other} a smaller model or smaller images need less memory`
    }
    const accumulate = countOf(train, 'accumulate') ?? 1
    const half = Math.ceil(size / 2)
    const same = size % 2 === 0 ? 'an update is then still of' : 'an update is then of about'
    return `try ${recomputed === undefined ? '' : `${recomputed}, or `}batchSize: ${half}, accumulate: ${accumulate * 2} (${same} ${size * accumulate} images)`
  }
  const batch = countOf(record, 'batch')
  if (batch !== undefined && batch > 1) {
    return `try batch: ${Math.ceil(batch / 2)}; the times of the larger batch are then of that one`
  }
  return (
    'the stage has no batch size to make smaller: ' +
    'fewer --jobs leave it more memory, and so does a smaller model before it'
  )
}

const mebibytes = (count: number): string => String(count * 2 ** 20)

/**
 * By itself glibc hands large blocks back to the system as soon as they are free and takes new pages for the next ones,
 * which a training step does hundreds of times: a step of a small model takes up to 1.4 times as long. Here it keeps
 * them, so that what one function of a stage used serves the next, in few heaps: one for all threads makes those that
 * compute side by side wait for each other. 32 MiB is the most that the first one takes. Other systems' libraries read
 * none.
 */
const keepFreedMemory: Readonly<Record<string, string>> = {
  MALLOC_MMAP_THRESHOLD_: mebibytes(32),
  MALLOC_TRIM_THRESHOLD_: mebibytes(256),
  MALLOC_ARENA_MAX: '4',
}

/**
 * Node decodes pictures and reads files on four threads by itself, however many processors there are. More than sixteen
 * wait for memory and disk.
 */
const poolThreads = (): Readonly<Record<string, string>> => {
  const count = Math.min(os.availableParallelism(), 16)
  return count > 4 ? { UV_THREADPOOL_SIZE: String(count) } : {}
}

/** The environment of a worker's process. What the user has set stays. */
export const workerEnvironment = (): NodeJS.ProcessEnv => ({
  ...(process.platform === 'linux' && keepFreedMemory),
  ...poolThreads(),
  ...process.env,
})
