/**
 * The machine's GPUs, as far as files and NVIDIA's own program tell: whether there are any, what they are called, and
 * which of them a process is shown. No driver is loaded.
 */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import type { Candidate } from './wish.js'

const list = (folder: string): readonly string[] => {
  try {
    return readdirSync(folder).sort()
  } catch {
    return []
  }
}

const read = (file: string): string => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

/** Device files of GPUs on Linux: NVIDIA's (also on embedded boards and under WSL), AMD's, ARM's and Qualcomm's. */
const nvidiaFile = /^(nvidia\d+|nvgpu|nvhost-gpu|dxg)$/

const gpuFile = /^(nvidia\d+|nvgpu|nvhost-gpu|dxg|kfd|mali\d*|kgsl-.*)$/

interface GpuFiles {
  readonly nvidia: readonly string[]
  /** Of every maker, NVIDIA's too. */
  readonly any: readonly string[]
}

/** Device files of GPUs, absolute; Linux only. */
export const gpuFiles = (): GpuFiles => {
  const inDev = list('/dev')
  const nvidia = inDev.filter((name) => nvidiaFile.test(name)).map((name) => join('/dev', name))
  const render = list('/dev/dri').filter((name) => name.startsWith('renderD'))
  const any = [
    ...inDev.filter((name) => gpuFile.test(name)).map((name) => join('/dev', name)),
    ...render.map((name) => join('/dev/dri', name)),
  ]
  return { nvidia, any }
}

export const mayUse = (file: string): boolean => {
  try {
    accessSync(file, constants.R_OK | constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** Whether there may be a GPU at all; where files do not tell (not Linux), yes. */
export const mayHaveGpu = (): boolean => process.platform !== 'linux' || gpuFiles().any.length > 0

export const mayHaveNvidiaGpu = (): boolean =>
  process.platform === 'darwin' ? false : process.platform !== 'linux' || gpuFiles().nvidia.length > 0

/** The version line of NVIDIA's kernel driver, or an empty text. */
export const nvidiaDriver = (): string => read('/proc/driver/nvidia/version').split('\n')[0] ?? ''

/** A GPU as the driver lists it. */
interface NvidiaGpu {
  readonly name: string
  readonly uuid: string
  readonly bytes: number
}

const smiPatienceMs = 5_000

/** What NVIDIA's own program says; nothing where there is none. Lines of `name, uuid, MiB`. */
export const parseSmi = (text: string): readonly NvidiaGpu[] =>
  text
    .split('\n')
    .map((line) => line.split(',').map((field) => field.trim()))
    .filter((fields) => fields.length >= 3)
    .map((fields) => ({
      // A name may have a comma in it.
      name: fields.slice(0, -2).join(', '),
      uuid: fields.at(-2)!,
      bytes: Number(fields.at(-1)) * 2 ** 20,
    }))

let listed: readonly NvidiaGpu[] | undefined

/** By nvidia-smi, which is started once in a process. */
const listGpus = (): readonly NvidiaGpu[] => {
  if (listed !== undefined) return listed
  const { stdout } = spawnSync('nvidia-smi', ['--query-gpu=name,uuid,memory.total', '--format=csv,noheader,nounits'], {
    encoding: 'utf8',
    timeout: smiPatienceMs,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  return (listed = parseSmi(stdout ?? ''))
}

/**
 * Names of the NVIDIA GPUs, in the driver's order, as far as it tells. May start a program: in a container the driver's
 * own files may be hidden, while its program is there.
 */
export const nvidiaGpus = (): readonly string[] => {
  const names = list('/proc/driver/nvidia/gpus').flatMap(
    (bus) => /^Model:\s*(.+)$/m.exec(read(`/proc/driver/nvidia/gpus/${bus}/information`))?.[1]?.trim() ?? [],
  )
  return names.length > 0 ? names : listGpus().map(({ name }) => name)
}

const vendors: Readonly<Record<string, string>> = {
  '0x1002': 'AMD GPU',
  '0x10de': 'NVIDIA GPU',
  '0x8086': 'Intel GPU',
  '0x1414': 'Microsoft virtual GPU',
  '0x15ad': 'VMware virtual GPU',
  '0x1af4': 'virtio GPU',
}

/** GPUs behind the render nodes: `AMD GPU (1002:73bf)`. */
const renderGpus = (): readonly string[] =>
  list('/sys/class/drm')
    .filter((name) => name.startsWith('renderD'))
    .flatMap((name) => {
      const [vendor, device] = ['vendor', 'device'].map((part) => read(`/sys/class/drm/${name}/device/${part}`).trim())
      if (vendor === undefined || vendor === '') return []
      return [`${vendors[vendor] ?? 'GPU'} (${vendor.slice(2)}:${device?.slice(2)})`]
    })

export const cpuName = (): string => {
  const all = cpus()
  const model = all[0]?.model.trim().replace(/\s+/g, ' ')
  const name = model === undefined || model === '' ? process.arch : model
  return `${name}, ${all.length} ${all.length === 1 ? 'thread' : 'threads'}`
}

/** What WebGPU computes on. */
export interface Adapter {
  readonly kind: 'hardware' | 'software' | 'unknown'
  readonly name: string
}

/** Vulkan drivers that compute on the CPU, by the name of their library. */
const softwareDrivers: readonly (readonly [RegExp, string])[] = [
  [/libvk_swiftshader/, 'SwiftShader'],
  [/libvulkan_lvp/, 'llvmpipe'],
]

/**
 * The adapter that this process has opened. ONNX Runtime does not name it; on Linux a driver of a real GPU holds the
 * GPU's device file open, and a software driver is among the libraries that are loaded.
 */
export const openedAdapter = (): Adapter => {
  if (process.platform === 'darwin') return { kind: 'hardware', name: `${cpus()[0]?.model ?? 'Apple'} GPU` }
  if (process.platform !== 'linux' || !existsSync('/proc/self/fd')) return { kind: 'unknown', name: 'GPU' }
  const { any } = gpuFiles()
  const open = list('/proc/self/fd').flatMap((name) => {
    try {
      return [readlinkSync(`/proc/self/fd/${name}`)]
    } catch {
      return []
    }
  })
  const used = open.filter((file) => any.includes(file))
  if (used.length > 0) {
    const names = used.some((file) => file.startsWith('/dev/nvidia')) ? nvidiaGpus() : renderGpus()
    return { kind: 'hardware', name: names[0] ?? renderGpus()[0] ?? 'GPU' }
  }
  const libraries = read('/proc/self/maps')
  const software = softwareDrivers.find(([library]) => library.test(libraries))
  return { kind: 'software', name: software?.[1] ?? 'a driver without a GPU' }
}

/**
 * The place in the driver's list of the GPU that a process with this CUDA_VISIBLE_DEVICES calls number `index`. The
 * variable lists places and (the beginnings of) ids; CUDA ignores all from the first that does not exist. Undefined
 * where there is no such GPU, or where only the driver would know.
 */
export const placeOf = (visible: string | undefined, index: number, uuids: readonly string[]): number | undefined => {
  if (visible === undefined) return index
  for (const [at, word] of visible.split(',').entries()) {
    const entry = word.trim()
    const place = /^\d+$/.test(entry)
      ? Number(entry)
      : uuids.findIndex((uuid) => entry.startsWith('GPU-') && uuid.startsWith(entry))
    if (place < 0 || (uuids.length > 0 && place >= uuids.length)) return undefined
    if (at === index) return place
  }
  return undefined
}

const needsIds = (visible: string | undefined): boolean => visible !== undefined && /[A-Za-z]/.test(visible)

/** The name of the GPU that this process calls number `index`, where the driver tells it. */
export const visibleGpuName = (index: number, visible = process.env['CUDA_VISIBLE_DEVICES']): string | undefined => {
  if (visible === undefined) return nvidiaGpus()[index]
  const uuids = needsIds(visible) ? listGpus().map(({ uuid }) => uuid) : []
  const place = placeOf(visible, index, uuids)
  return place === undefined ? undefined : nvidiaGpus()[place]
}

/** What all processes of the machine call a GPU, and its memory. */
interface SharedGpu {
  readonly id: string
  readonly bytes?: number
}

/** The GPU that a candidate computes on; undefined for the processor. May start a program. */
export const sharedGpu = (
  { device, deviceIndex = 0 }: Candidate,
  visible = process.env['CUDA_VISIBLE_DEVICES'],
): SharedGpu | undefined => {
  if (device === 'cpu') return undefined
  if (device === 'webgpu') return { id: `webgpu:${deviceIndex}` }
  const gpus = listGpus()
  const place = placeOf(
    visible,
    deviceIndex,
    gpus.map(({ uuid }) => uuid),
  )
  // A part of a GPU, which only the driver could place, is called what the variable calls it.
  if (place === undefined) return { id: `cuda:${visible?.split(',')[deviceIndex]?.trim() ?? deviceIndex}` }
  const bytes = gpus[place]?.bytes
  return { id: `cuda:${place}`, ...(bytes === undefined || !(bytes > 0) ? {} : { bytes }) }
}
