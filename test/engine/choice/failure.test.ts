import { expect } from 'chai'
import { failureOf } from '../../../src/engine/choice/failure.js'
import type { Candidate } from '../../../src/engine/choice/wish.js'

const onCuda: Candidate = { engine: 'onnxruntime', device: 'cuda', deviceIndex: 2 }
const onWebgpu: Candidate = { engine: 'onnxruntime', device: 'webgpu' }
const onCpu: Candidate = { engine: 'onnxruntime', device: 'cpu' }
const tensorflow: Candidate = { engine: 'tensorflow', device: 'cpu' }

/** Words of real loaders and libraries → what is made of them. */
const words: readonly (readonly [
  candidate: Candidate,
  printed: string,
  thrown: string,
  reason: RegExp,
  hint: RegExp,
])[] = [
  [
    onCuda,
    'Failed to load library /x/libonnxruntime_providers_cuda.so with error: libcublasLt.so.12: cannot open shared object file: No such file or directory',
    'OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library',
    /^the library libcublasLt\.so\.12 is missing$/,
    /CUDA 12 and cuDNN 9/,
  ],
  [
    onCuda,
    '/x/libonnxruntime_providers_shared.so: cannot open shared object file: No such file or directory',
    'Failed to load shared library',
    /^ONNX Runtime's CUDA provider is not installed$/,
    /^genepool engine install cuda$/,
  ],
  [
    onCuda,
    '',
    'CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version ; GPU=0',
    /^NVIDIA's driver is missing or older than the CUDA libraries$/,
    /nvidia-smi/,
  ],
  [
    onCuda,
    '',
    'CUDA failure 100: no CUDA-capable device is detected ; GPU=-1',
    /^CUDA finds no GPU$/,
    /CUDA_VISIBLE_DEVICES/,
  ],
  [onCuda, '', 'CUDA failure 101: invalid device ordinal ; GPU=2', /^there is no GPU 2$/, /counted from 0/],
  [
    onWebgpu,
    "Warning: Couldn't open libvulkan.so.1: libvulkan.so.1: cannot open shared object file: No such file or directory",
    'Failed to get a WebGPU adapter: No supported adapters',
    /^the library libvulkan\.so\.1 is missing$/,
    /libvulkan1/,
  ],
  [
    onWebgpu,
    '',
    'was false. Failed to get a WebGPU adapter: No supported adapters',
    /^no Vulkan driver that works/,
    /mesa-vulkan/,
  ],
  [onCpu, '', "Cannot find module 'onnxruntime-common'", /^onnxruntime-common is not installed$/, /npm install/],
  [
    onCpu,
    '',
    "dlopen(/x/onnxruntime_binding.node, 0x0001): tried: '/x/onnxruntime_binding.node' (mach-o file, but is an incompatible architecture (have 'x86_64', need 'arm64'))",
    /onnxruntime_binding\.node.*another kind of processor$/,
    /npm install/,
  ],
  [
    onCpu,
    '',
    "/lib/libc.so.6: version `GLIBC_2.34' not found (required by /x.so)",
    /which needs GLIBC_2\.34$/,
    /engine cpu/,
  ],
  [
    tensorflow,
    '',
    "TensorFlow's library does not load: /x/libtensorflow_cc.so.2 is cut short; genepool engine build tensorflow makes it again",
    /^\/x\/libtensorflow_cc\.so\.2 is cut short$/,
    /^genepool engine build tensorflow makes it again$/,
  ],
]

const ended = { code: 1, signal: null, timedOut: false, said: '' }

describe('why an engine does not load', () => {
  for (const [candidate, said, thrown, reason, hint] of words) {
    it(`'${(said || thrown).slice(0, 60)}…' is said in other words, with what to do`, () => {
      const failure = failureOf(candidate, { ...ended, said }, thrown)
      expect(failure.reason).to.match(reason)
      expect(failure.hint).to.match(hint)
      expect(failure.said).to.equal(said === '' ? undefined : said)
    })
  }

  it('is a signal, an exit code or a silence where nothing was said', () => {
    expect(failureOf(onCpu, { ...ended, code: null, signal: 'SIGILL' }, undefined).reason).to.match(/SIGILL/)
    expect(failureOf(onCpu, { ...ended, code: 127 }, undefined).reason).to.match(/exit code 127/)
    const hung = failureOf(onWebgpu, { ...ended, code: null, signal: 'SIGKILL', timedOut: true }, undefined)
    expect(hung.reason).to.equal('it gave no sign of life for too long')
    expect(hung.hint).to.match(/GPU's driver/)
  })

  it('is the first line of an unknown message, without places in the library, and never a page', () => {
    const long = `/onnxruntime_src/onnxruntime/core/x.cc:12 ${'word '.repeat(200)}\nsecond line`
    const { reason } = failureOf(onCpu, ended, long)
    expect(reason)
      .to.match(/^word word/)
      .and.not.match(/second|onnxruntime_src/)
    expect(reason.length).to.be.below(210)
  })
})
