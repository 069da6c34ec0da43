/** Why an engine does not load on a device, in one sentence, and what to do about it. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { ChildEnd } from '../../base/own-program.js'
import { installedPackage, locateTensorflow, onnxRuntimeBinaries } from '../installed.js'
import { mayHaveGpu, mayHaveNvidiaGpu } from './gpus.js'
import type { Candidate } from './wish.js'

export interface Failure {
  /** A clause without a full stop: `libcublasLt.so.12 is missing`. */
  readonly reason: string
  readonly hint?: string
  /** What the libraries printed, for those who ask for it. */
  readonly said?: string
}

const remedies = {
  onnxRuntime: 'npm install onnxruntime-node',
  cudaProvider: 'genepool engine install cuda',
  nvidiaDriver: "install NVIDIA's driver and see that nvidia-smi names the GPU",
  vulkanDriver: "install the GPU's Vulkan driver (Debian, Ubuntu: mesa-vulkan-drivers; NVIDIA: the driver's own)",
  vulkanLoader: "install Vulkan's loader (Debian, Ubuntu: libvulkan1; Fedora: vulkan-loader)",
  tensorflow: 'genepool engine build tensorflow',
  tensorflowCuda: 'genepool engine build tensorflow --gpu',
} as const

const reinstall = ({ engine }: Candidate): string =>
  engine === 'onnxruntime'
    ? 'remove the folder node_modules/onnxruntime-node and run npm install'
    : engine === 'tensorflow'
      ? remedies.tensorflow
      : 'remove the folder node_modules and run npm install'

const cudaParts = /^lib(cu|nv|nccl)/

/** What it means that a library cannot be found. */
const missingLibrary = (library: string, candidate: Candidate): Failure => {
  const reason = `the library ${library} is missing`
  if (/^lib(cuda|nvidia-ml)\.so/.test(library)) return { reason, hint: remedies.nvidiaDriver }
  if (library.startsWith('libvulkan')) return { reason, hint: remedies.vulkanLoader }
  if (cudaParts.test(library)) {
    return { reason, hint: 'install CUDA 12 and cuDNN 9, and see that LD_LIBRARY_PATH names their folders' }
  }
  if (library.startsWith('libonnxruntime_providers')) {
    return { reason: "ONNX Runtime's CUDA provider is not installed", hint: remedies.cudaProvider }
  }
  return { reason, hint: reinstall(candidate) }
}

const baseName = (path: string): string => path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1)

const damaged = (file: string, candidate: Candidate): Failure => ({
  reason: `${file} is damaged or was made for another kind of processor`,
  hint: reinstall(candidate),
})

/** What Linux's loader says of a file that is no library for this processor, or not all of one. */
const damagedWords = [
  'wrong ELF class',
  'invalid ELF header',
  'ELF file version',
  'file too short',
  'cannot read file data',
  'failed to map segment',
  'ELF load command',
  'only ET_DYN',
  'cannot dynamically load',
]

type Rule = readonly [pattern: RegExp, failure: (found: RegExpExecArray, candidate: Candidate) => Failure]

/** The most telling first. Loaders print `FILE: what is wrong with it`. */
const rules: readonly Rule[] = [
  [
    /Cannot find (?:package|module) '([^']+)'/,
    ([, name], candidate) => ({
      reason: `${baseName(name)} is not installed`,
      hint: candidate.engine === 'tensorflow' ? remedies.tensorflow : 'npm install',
    }),
  ],
  [
    // The file is there: Linux's loader says this of a file for another processor.
    /([^\s:'"/]+\.node): cannot open shared object file/,
    ([, file], candidate) => damaged(file, candidate),
  ],
  [
    /(lib[^\s:'"/]+\.(?:so|dylib)[^\s:'"]*): cannot open shared object file/,
    ([, name], candidate) => missingLibrary(name, candidate),
  ],
  [/Library not loaded: (\S+)/, ([, name], candidate) => missingLibrary(baseName(name), candidate)],
  [
    new RegExp(`([^\\s:'"]+): (?:${damagedWords.join('|')})`),
    ([, file], candidate) => damaged(baseName(file), candidate),
  ],
  [
    // macOS: `tried: 'FILE' (mach-o file, but is an incompatible architecture …)`.
    /'([^']+)' \((?:mach-o file|not a mach-o|slice is not valid|fat file|code signature)/,
    ([, file], candidate) => damaged(baseName(file), candidate),
  ],
  [/is not a valid Win32 application/, (_, candidate) => damaged('its library', candidate)],
  [
    /([^\s:'"]+): undefined symbol: (\S+)/,
    ([, file, symbol], candidate) => ({
      reason: `${baseName(file)} does not fit the other libraries (it lacks ${symbol.slice(0, 60)})`,
      hint: reinstall(candidate),
    }),
  ],
  [
    /version `(GLIBC\w*_[\d.]+)' not found/,
    ([, version]) => ({
      reason: `the system is too old for its library, which needs ${version}`,
      hint: 'use a newer system, or the engine cpu',
    }),
  ],
  [
    /CUDA driver version is insufficient/,
    () => ({
      reason: "NVIDIA's driver is missing or older than the CUDA libraries",
      hint: remedies.nvidiaDriver,
    }),
  ],
  [
    /no CUDA-capable device|CUDA_ERROR_NO_DEVICE|CUDA failure 100/,
    () => ({
      reason: 'CUDA finds no GPU',
      hint: `${remedies.nvidiaDriver}; CUDA_VISIBLE_DEVICES may hide it`,
    }),
  ],
  [
    /invalid device ordinal|CUDA failure 101/,
    (_, { deviceIndex }) => ({
      reason: `there is no GPU ${deviceIndex ?? 0}`,
      hint: 'GPUs are counted from 0: cuda:0 is the first; CUDA_VISIBLE_DEVICES may hide some',
    }),
  ],
  [
    /out of memory|CUDA_ERROR_OUT_OF_MEMORY/i,
    (_, { device }) => ({
      reason: device === 'cpu' ? 'there was not enough memory' : "the GPU's memory is full",
      hint: 'see that no other program fills it',
    }),
  ],
  [
    /Failed to get a WebGPU adapter|No supported adapters|vkCreateInstance/,
    () => ({
      reason: 'no Vulkan driver that works was found',
      hint: remedies.vulkanDriver,
    }),
  ],
]

const maxLength = 200

/** The first line of a native library's message, without the place in its source. */
const firstLine = (text: string): string => {
  const line = text.split('\n').find((candidate) => candidate.trim() !== '') ?? ''
  const plain = line
    .replace(/^.*\bwas false\.\s*/, '')
    .replace(/^\S*\/onnxruntime_src\/\S+\s*/, '')
    .trim()
  return plain.length <= maxLength ? plain : `${plain.slice(0, maxLength)}…`
}

/** What an engine's own error says: its reason, and after it what to do. */
const ownWords = (message: string): Failure => {
  const [, reason, advice] = /^.*? does not load: (.*); ([^;]*)$/.exec(message.split('\n')[0] ?? '') ?? []
  return reason === undefined ? { reason: firstLine(message) } : { reason: firstLine(reason), hint: advice }
}

/** Why a child process ended without having done its work; `message` is what it said itself, if anything. */
export const failureOf = (candidate: Candidate, end: ChildEnd, message: string | undefined): Failure => {
  const said = end.said.trim()
  const withSaid = (failure: Failure): Failure => ({ ...failure, ...(said === '' ? {} : { said }) })
  if (end.timedOut) {
    const hint = candidate.device === 'cpu' ? reinstall(candidate) : "update or reinstall the GPU's driver"
    return withSaid({
      reason: 'it gave no sign of life for too long',
      hint: `${hint}, or give it more seconds: GENEPOOL_PATIENCE=120`,
    })
  }
  // What it printed comes first: ONNX Runtime throws a general sentence and prints the reason.
  for (const text of [said, message ?? '']) {
    for (const [pattern, failure] of rules) {
      const found = pattern.exec(text)
      if (found !== null) return withSaid(failure(found, candidate))
    }
  }
  if (message !== undefined && message !== '') return withSaid(ownWords(message))
  const how = end.signal === null ? `exit code ${end.code}` : end.signal
  return withSaid({ reason: `it crashed while it was tried (${how})`, hint: reinstall(candidate) })
}

const platform = `${process.platform}-${process.arch}`

const onnxRuntimeMissing = ({ device }: Candidate): Failure | undefined => {
  const found = installedPackage('onnxruntime-node')
  if (found === undefined) return { reason: 'onnxruntime-node is not installed', hint: remedies.onnxRuntime }
  const binaries = onnxRuntimeBinaries(found)
  if (binaries === undefined) {
    return { reason: `onnxruntime-node has no binary for ${platform}`, hint: 'use the engine tensorflow or cpu' }
  }
  if (device !== 'cuda') return undefined
  if (platform !== 'linux-x64') {
    return {
      reason: `onnxruntime-node has CUDA for linux-x64 only, this is ${platform}`,
      hint: 'use the device webgpu',
    }
  }
  return existsSync(join(binaries, 'libonnxruntime_providers_cuda.so'))
    ? undefined
    : { reason: "ONNX Runtime's CUDA provider is not installed", hint: remedies.cudaProvider }
}

const tensorflowMissing = ({ device }: Candidate): Failure | undefined => {
  const found = locateTensorflow()
  if (found === undefined) return { reason: "TensorFlow's library is not installed", hint: remedies.tensorflow }
  return device === 'cpu' || found.gpu
    ? undefined
    : { reason: "TensorFlow's library is installed without CUDA", hint: remedies.tensorflowCuda }
}

const missingFiles = (candidate: Candidate): Failure | undefined => {
  switch (candidate.engine) {
    case 'onnxruntime':
      return onnxRuntimeMissing(candidate)
    case 'tensorflow':
      return tensorflowMissing(candidate)
    case 'cpu':
      return installedPackage('@tensorflow/tfjs-core') === undefined
        ? { reason: '@tensorflow/tfjs-core is not installed', hint: 'npm install' }
        : undefined
  }
}

/** Why nothing is tried on the device unless it was asked for by name: it does not seem to be there. */
export const missingDevice = ({ device }: Candidate): Failure | undefined => {
  if (device === 'cpu') return undefined
  if (!mayHaveGpu()) {
    return {
      reason: 'this machine has no GPU, or no driver for it is loaded',
      ...(device === 'cuda' ? { hint: remedies.nvidiaDriver } : {}),
    }
  }
  if (device === 'webgpu' || mayHaveNvidiaGpu()) return undefined
  return { reason: 'this machine has no NVIDIA GPU, or its driver is not loaded', hint: remedies.nvidiaDriver }
}

/** A failure whose reason begins with the device where that does not seem to be there. */
export const withDevice = (candidate: Candidate, failure: Failure): Failure => {
  const device = missingDevice(candidate)
  if (device === undefined) return failure
  return { ...failure, ...device, reason: `${device.reason} (${failure.reason})` }
}

/** What is known to be missing without trying; undefined where it has to be tried. */
export const missing = (candidate: Candidate): Failure | undefined => {
  const failure = missingFiles(candidate)
  return failure === undefined ? undefined : withDevice(candidate, failure)
}
