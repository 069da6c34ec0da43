/** The thread that fetches the parts of models and runs them, each part once whatever the number of models with it. */
import type * as ort from 'onnxruntime-web/wasm'
import type { PoolFile } from '../src/stages/export/pool-file.js'
import type { Answer, Backend, Ready, Reply, Request, Timing } from './messages.js'

type Ort = typeof ort

/** As many as ONNX Runtime takes by itself at most. */
const mostThreads = 4
const threads = crossOriginIsolated ? Math.min(mostThreads, Math.max(1, navigator.hardwareConcurrency >> 1)) : 1

/** Passes that are timed, after those that warm up. */
const [warmUps, passes] = [2, 7]

const modules: Readonly<Record<Backend, string>> = {
  wasm: './ort/ort.wasm.min.mjs',
  webgpu: './ort/ort.webgpu.min.mjs',
}

const fetched = new Map<string, Promise<ArrayBuffer>>()
let bytesFetched = 0

const bytesOf = (file: string): Promise<ArrayBuffer> => {
  const known = fetched.get(file)
  if (known !== undefined) return known
  const bytes = fetch(file).then(async (response) => {
    if (!response.ok) throw new Error(`${file} cannot be fetched (${response.status})`)
    const buffer = await response.arrayBuffer()
    bytesFetched += buffer.byteLength
    return buffer
  })
  fetched.set(file, bytes)
  // Another try may have a network.
  bytes.catch(() => fetched.delete(file))
  return bytes
}

const runtimes = new Map<Backend, Promise<Ort>>()

const runtimeOf = (backend: Backend): Promise<Ort> => {
  const known = runtimes.get(backend)
  if (known !== undefined) return known
  const runtime = import(modules[backend]).then((loaded: Ort) => {
    loaded.env.wasm.numThreads = threads
    loaded.env.wasm.wasmPaths = new URL('./ort/', import.meta.url).href
    return loaded
  })
  runtimes.set(backend, runtime)
  return runtime
}

const sessions = new Map<string, Promise<ort.InferenceSession>>()
// The runtime compiles one session at a time.
let last: Promise<unknown> = Promise.resolve()

const sessionOf = (backend: Backend, file: string): Promise<ort.InferenceSession> => {
  const key = `${backend} ${file}`
  const known = sessions.get(key)
  if (known !== undefined) return known
  const bytes = bytesOf(file)
  const session = last.then(async () => {
    const { InferenceSession } = await runtimeOf(backend)
    return InferenceSession.create(new Uint8Array(await bytes), {
      executionProviders: [backend],
      graphOptimizationLevel: 'all',
    })
  })
  last = session.catch(() => {})
  sessions.set(key, session)
  session.catch(() => sessions.delete(key))
  return session
}

const pool: Promise<PoolFile> = fetch('pool.json').then((response) => response.json() as Promise<PoolFile>)

const partsOf = async (backend: Backend, id: number): Promise<readonly ort.InferenceSession[]> => {
  const { models, parts } = await pool
  const model = models.find((each) => each.id === id)!
  return Promise.all(model.parts.map((name) => sessionOf(backend, parts[name].file)))
}

const run = async (
  backend: Backend,
  id: number,
  pixels: Float32Array,
): Promise<{ logits: Float32Array; ms: number }> => {
  const { preprocessing } = await pool
  const { size, channels } = preprocessing
  const parts = await partsOf(backend, id)
  const { Tensor } = await runtimeOf(backend)
  const began = performance.now()
  let value: ort.Tensor = new Tensor('float32', pixels, [
    pixels.length / (size * size * channels),
    size,
    size,
    channels,
  ])
  for (const part of parts) {
    const results = await part.run({ [part.inputNames[0]]: value })
    value = results[part.outputNames[0]]
  }
  return { logits: (value.data as Float32Array).slice(), ms: performance.now() - began }
}

/** By model, what was found fastest. */
const timings = new Map<number, Promise<Timing>>()
let backends: readonly Backend[] = ['wasm']

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]

const timeOn = async (backend: Backend, id: number): Promise<number> => {
  const { size, channels } = (await pool).preprocessing
  const image = new Float32Array(size * size * channels)
  const times: number[] = []
  for (let pass = 0; pass < warmUps + passes; pass++) {
    const { ms } = await run(backend, id, image)
    if (pass >= warmUps) times.push(ms)
  }
  return median(times)
}

const measure = async (id: number): Promise<Timing> => {
  const ms: Partial<Record<Backend, number>> = {}
  for (const backend of backends) {
    try {
      ms[backend] = await timeOn(backend, id)
    } catch (cause) {
      // What a GPU or its driver does not do, the processor does.
      if (backend === 'wasm') throw cause
    }
  }
  const backend = ms.webgpu !== undefined && ms.webgpu < ms.wasm! ? 'webgpu' : 'wasm'
  return { backend, ms }
}

const timingOf = (id: number): Promise<Timing> => {
  const timing = timings.get(id) ?? measure(id)
  timings.set(id, timing)
  timing.catch(() => timings.delete(id))
  return timing
}

interface WithGpu {
  readonly gpu?: { readonly requestAdapter: () => Promise<object | null> }
}

const open = async (): Promise<Ready> => {
  const adapter = await (navigator as WithGpu).gpu?.requestAdapter().catch(() => null)
  backends = adapter ? ['wasm', 'webgpu'] : ['wasm']
  await Promise.all([pool, runtimeOf('wasm')])
  return { threads, backends }
}

const classify = async (id: number, pixels: Float32Array): Promise<Answer> => {
  // The first answer does not wait until backends are compared.
  const { backend } = timings.has(id) ? await timingOf(id) : { backend: 'wasm' as const }
  return { ...(await run(backend, id, pixels)), fetched: bytesFetched }
}

const answer = (request: Request): Promise<Ready | Timing | Answer> => {
  if (request.kind === 'open') return open()
  if (request.kind === 'measure') return timingOf(request.model)
  return classify(request.model, request.pixels)
}

// One after the other: times that were taken side by side would say nothing.
let queue: Promise<unknown> = Promise.resolve()
addEventListener('message', ({ data }: MessageEvent<Request>) => {
  queue = queue.then(async () => {
    let reply: Reply
    try {
      reply = { call: data.call, result: await answer(data) }
    } catch (cause) {
      reply = { call: data.call, error: cause instanceof Error ? cause.message : String(cause) }
    }
    postMessage(reply)
  })
})
