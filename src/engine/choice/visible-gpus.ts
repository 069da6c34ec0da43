/** Which of the machine's NVIDIA GPUs a process is shown: CUDA_VISIBLE_DEVICES gives them other numbers. */
import { spawnSync } from 'node:child_process'
import { nvidiaGpus } from './machine.js'
import type { Candidate } from './wish.js'

/** A GPU as the driver lists it. */
export interface NvidiaGpu {
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

/** Starts a program, once in a process. */
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
 * The place in the driver's list of the GPU that a process with this CUDA_VISIBLE_DEVICES calls number `index`: places and (the
 * beginnings of) ids, of which CUDA ignores all from the first that does not exist. Undefined where that is none, or where only
 * the driver would know.
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
export interface SharedGpu {
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
  // One that only the driver could name (a part of a GPU) is called as it was.
  if (place === undefined) return { id: `cuda:${visible?.split(',')[deviceIndex]?.trim() ?? deviceIndex}` }
  const bytes = gpus[place]?.bytes
  return { id: `cuda:${place}`, ...(bytes === undefined || !(bytes > 0) ? {} : { bytes }) }
}
