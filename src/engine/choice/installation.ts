/** What of an engine is installed, as far as files tell. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { installedPackage, onnxRuntimeBinaries } from '../identify.js'
import { locateTensorflow } from '../tensorflow/locate.js'
import { remedies, type Failure } from './failure.js'
import { mayHaveGpu, mayHaveNvidiaGpu } from './machine.js'
import type { Candidate } from './wish.js'

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
      return installedPackage('@tensorflow/tfjs') === undefined
        ? { reason: '@tensorflow/tfjs is not installed', hint: 'npm install' }
        : undefined
  }
}

/** Why nothing is tried on the device unless it was asked for by name. */
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

/** A failure on a device that does not seem to be there: that comes first. */
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
