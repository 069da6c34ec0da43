/** What a user asks for in two words, `--engine` and `--device`, checked for sense. */
import { EngineError } from '../engine.js'
import type { DeviceName, EngineName } from '../request.js'

const engineNames: readonly EngineName[] = ['onnxruntime', 'tensorflow', 'cpu']
const deviceNames: readonly DeviceName[] = ['cuda', 'webgpu', 'cpu']

/** The devices of each engine, the fastest first. */
const devicesOf: Readonly<Record<EngineName, readonly DeviceName[]>> = {
  onnxruntime: ['cuda', 'webgpu', 'cpu'],
  tensorflow: ['cuda', 'cpu'],
  cpu: ['cpu'],
}

/** An engine on a device. */
export interface Candidate {
  readonly engine: EngineName
  readonly device: DeviceName
  readonly deviceIndex?: number
}

/** What is wanted: undefined where anything will do. */
export interface Wish {
  readonly engine: EngineName | undefined
  readonly device: DeviceName | undefined
  readonly deviceIndex?: number
}

const parseEngine = (engine: string): EngineName | undefined => {
  if (engine === 'auto') return undefined
  const name = engineNames.find((known) => known === engine)
  if (name === undefined) {
    throw new EngineError(`there is no engine '${engine}': write auto, onnxruntime, tensorflow or cpu`)
  }
  return name
}

const parseDevice = (device: string): Omit<Wish, 'engine'> => {
  if (device === 'auto') return { device: undefined }
  const [, word, index] = /^([a-z]+)(?::(\d{1,3}))?$/.exec(device) ?? []
  const name = deviceNames.find((known) => known === word)
  if (name === undefined || (index !== undefined && name !== 'cuda')) {
    throw new EngineError(
      `there is no device '${device}': write auto, cpu, cuda, webgpu, or cuda:0, cuda:1, … ` +
        'for one of several NVIDIA GPUs',
    )
  }
  return { device: name, ...(index === undefined ? {} : { deviceIndex: Number(index) }) }
}

/** Throws an EngineError where a word is unknown or the engine never runs on the device. */
export const parseWish = (engine: string, device: string): Wish => {
  const wish = { engine: parseEngine(engine), ...parseDevice(device) }
  if (wish.engine !== undefined && wish.device !== undefined && !devicesOf[wish.engine].includes(wish.device)) {
    throw new EngineError(
      `the engine ${wish.engine} does not run on ${wish.device}: it runs on ${devicesOf[wish.engine].join(', ')}`,
    )
  }
  return wish
}

/** Every engine on a device that would do, in the order in which they are tried. */
export const candidatesOf = ({ engine, device, deviceIndex }: Wish): readonly Candidate[] =>
  engineNames
    .filter((name) => engine === undefined || name === engine)
    .flatMap((name) => devicesOf[name].map((on): Candidate => ({ engine: name, device: on })))
    .filter((candidate) => device === undefined || candidate.device === device)
    .map((candidate) => (deviceIndex === undefined ? candidate : { ...candidate, deviceIndex }))

/** `onnxruntime on cuda:1`. */
export const nameOf = ({ engine, device, deviceIndex }: Candidate): string =>
  `${engine} on ${device}${deviceIndex === undefined ? '' : `:${deviceIndex}`}`
