/** The engine that traces a function once and runs it as a whole by ONNX Runtime. */
import * as ort from 'onnxruntime-node'
import type { Engine, StateSupport } from '../engine.js'
import type { EngineOptions } from '../request.js'
import { checkSpecs } from '../host-values.js'
import {
  compiledFunction,
  DeviceState,
  type FunctionDefinition,
  openCarrier,
  residentLocation,
  type Session,
  statefulFunction,
} from './compiled.js'
import { cpuSessionOptions, deviceError, prepareDevice, sessionOptions } from './device.js'
import { openLanePool } from './lane-pool.js'
import { Sessions } from './sessions.js'
import { type TracedModel, traceToOnnx } from './trace.js'

/** A batch is cut into two parts at most. */
const laneLimit = 2

/** Sessions in memory. A stitched pool has up to 71 step functions; one session (d 192, depth 12) takes 8 MiB. */
const sessionLimit = 96

/** The function that only finds out whether the device is there. */
const deviceLabel = 'device'

/** Opens ONNX Runtime on the request's device. An EngineError where the device, or what it needs, is not there. */
export const openOnnxRuntime = async (
  request: EngineOptions,
  versions: Readonly<Record<string, string>>,
): Promise<Engine> => {
  const { device, threads } = request
  prepareDevice(request)
  const sessions = new Sessions<ort.InferenceSession>(sessionLimit, async ({ label, bytes, resident }) => {
    const locations = Object.fromEntries(resident.map((name) => [name, residentLocation] as const))
    const kept = resident.length === 0 ? {} : { preferredOutputLocation: locations }
    try {
      return await ort.InferenceSession.create(bytes, { ...sessionOptions(request, bytes), ...kept })
    } catch (cause) {
      const what =
        label === deviceLabel
          ? `ONNX Runtime cannot use the device ${device}`
          : `${label}: ONNX Runtime does not take the graph on ${device}`
      throw deviceError(what, request, cause)
    }
  })
  const open = new Set<{ readonly release: () => Promise<void> }>()
  const failed =
    ({ label }: FunctionDefinition) =>
    (cause: unknown) =>
      deviceError(`${label}: ONNX Runtime failed`, request, cause)

  const load = async (
    definition: FunctionDefinition,
    state: readonly string[],
  ): Promise<{ model: TracedModel; session: Session }> => {
    const { label, fn, inputs } = definition
    checkSpecs(label, inputs)
    const model = traceToOnnx(label, fn, inputs)
    const resident = state.flatMap((name) => model.outputNames[name] ?? [])
    return { model, session: await sessions.open({ label, bytes: model.bytes, resident }) }
  }
  const tracked = <Opened extends { readonly release: () => Promise<void> }>(opened: Opened): Opened => {
    const release = async (): Promise<void> => {
      open.delete(released)
      await opened.release()
    }
    const released = { ...opened, release }
    open.add(released)
    return released
  }

  const carrier = openCarrier(async (spec, direction) => {
    const definition: FunctionDefinition = {
      label: `state ${direction}`,
      fn: ({ x }) => ({ y: x }),
      inputs: { x: spec },
    }
    const { bytes } = traceToOnnx(definition.label, definition.fn, definition.inputs)
    return tracked(await sessions.open({ label: definition.label, bytes, resident: direction === 'up' ? ['y'] : [] }))
  })
  if (device !== 'cpu') {
    // Found out now, not by the first function. On WebGPU it also keeps the device, and the shaders that are compiled
    // for it, while no other session is in memory.
    const spec = { shape: [1], dtype: 'float32' } as const
    const { bytes } = traceToOnnx(deviceLabel, ({ x }) => ({ y: x }), { x: spec })
    tracked(await sessions.open({ label: deviceLabel, bytes, resident: [] }))
  }
  const states = new Set<DeviceState>()
  const resident: StateSupport = {
    open: (specs) => {
      const state: DeviceState = new DeviceState(specs, carrier, () => states.delete(state))
      states.add(state)
      return state
    },
    compile: async (label, fn, inputs, state) => {
      const definition = { label, fn, inputs }
      const { model, session } = await load(definition, state)
      return tracked(statefulFunction(definition, model, state, session, failed(definition)))
    },
  }
  const count = Math.min(threads, laneLimit)
  const lanes =
    device === 'cpu' && count > 1
      ? openLanePool(
          count,
          { session: cpuSessionOptions(Math.floor(threads / count)), sessions: sessionLimit },
          (label, cause) => deviceError(`${label}: ONNX Runtime failed`, request, cause),
        )
      : undefined

  return {
    name: 'onnxruntime',
    device,
    versions,
    compile: async (label, fn, inputs) => {
      const definition = { label, fn, inputs }
      const { model, session } = await load(definition, [])
      return tracked(compiledFunction(definition, model, session, failed(definition)))
    },
    ...(lanes === undefined ? {} : { lanes }),
    ...(device === 'webgpu' ? { resident } : {}),
    release: async () => {
      // State first: it lives in the memory of the sessions.
      for (const state of states) await state.release()
      await Promise.all([...open].map((opened) => opened.release()))
      open.clear()
      await lanes?.release()
    },
  }
}
