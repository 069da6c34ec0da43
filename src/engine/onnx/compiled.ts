/**
 * A traced function with its session: called with arrays of the host, or with state that stays on the device, where
 * outputs of one call are inputs of the next.
 */
import * as ort from 'onnxruntime-node'
import {
  type CompiledFunction,
  EngineError,
  type HostArray,
  type HostArrays,
  type State,
  type StatefulFunction,
  type TensorFunction,
  type TensorSpecs,
} from '../engine.js'
import { checkedInput, checkedOutput, checkSpecs, discard } from '../host-values.js'
import { checkedState, inTurn, unknownState, unsetState, withoutState } from '../state.js'
import type { SharedSession } from './sessions.js'
import type { TracedModel } from './trace.js'

export type Session = SharedSession<ort.InferenceSession>

/** What a function is compiled from. */
export interface FunctionDefinition {
  readonly label: string
  readonly fn: TensorFunction
  readonly inputs: TensorSpecs
}

/** Whether they share bytes. */
const overlap = (one: HostArray, other: HostArray): boolean =>
  one.buffer === other.buffer &&
  one.byteOffset < other.byteOffset + other.byteLength &&
  other.byteOffset < one.byteOffset + one.byteLength

/** Tensors over the values of these inputs, not copies. */
const feedsOf = (label: string, inputs: TensorSpecs, values: HostArrays): Record<string, ort.Tensor> =>
  Object.fromEntries(
    Object.entries(inputs).map(([name, spec]) => [
      name,
      new ort.Tensor(spec.dtype, checkedInput(label, name, spec, values), spec.shape),
    ]),
  )

export const compiledFunction = (
  { label, inputs }: FunctionDefinition,
  { outputs, outputNames }: TracedModel,
  session: Session,
  explain: (cause: unknown) => EngineError,
): CompiledFunction => {
  const fetchesOf = (values: HostArrays, into: HostArrays): Record<string, ort.Tensor | null> => {
    const unknown = Object.keys(into).find((name) => outputs[name] === undefined)
    if (unknown !== undefined) throw new EngineError(`${label}: there is no output ${unknown}`)
    return Object.fromEntries(
      Object.entries(outputs).map(([name, spec]) => {
        if (into[name] === undefined) return [outputNames[name], null]
        const array = checkedOutput(label, name, spec, into)
        // It is written while inputs are still read.
        const source = Object.keys(inputs).find((input) => overlap(values[input], array))
        if (source !== undefined) {
          throw new EngineError(`${label}: the output ${name} cannot be written into the memory of the input ${source}`)
        }
        return [outputNames[name], new ort.Tensor(spec.dtype, array, spec.shape)]
      }),
    )
  }
  return {
    outputs,
    run: (values, into = {}) =>
      session.use(async (loaded) => {
        const feeds = feedsOf(label, inputs, values)
        const fetches = fetchesOf(values, into)
        const results = await loaded.run(feeds, fetches).catch((cause: unknown) => {
          throw explain(cause)
        })
        const written = Object.entries(outputNames).filter(([name]) => into[name] !== undefined)
        // The binding makes a copy of every output, also of one that was written to memory of the caller's.
        discard(written.map(([, inModel]) => results[inModel].data as HostArray))
        return Object.fromEntries(
          Object.entries(outputNames).map(([name, inModel]) => [
            name,
            into[name] ?? (results[inModel].data as HostArray),
          ]),
        )
      }),
    release: () => session.release(),
  }
}

/** Where ONNX Runtime leaves an output that is not to pass the host. */
export const residentLocation = 'gpu-buffer'

/** A tensor on the device lives in the memory of the session that made it. */
interface Held {
  readonly tensor: ort.Tensor
  readonly letGo: () => void
}

/** Copies one tensor to the device, or back. */
interface Carrier {
  readonly up: (spec: TensorSpecs[string], values: HostArray) => Promise<Held>
  readonly down: (spec: TensorSpecs[string], tensor: ort.Tensor) => Promise<HostArray>
}

/** Copies by sessions that compute nothing: functions `x → y`. */
export const openCarrier = (
  open: (spec: TensorSpecs[string], direction: 'up' | 'down') => Promise<Session>,
): Carrier => {
  const sessions = new Map<string, Promise<Session>>()
  const sessionOf = (spec: TensorSpecs[string], direction: 'up' | 'down'): Promise<Session> => {
    const key = `${direction} ${spec.dtype} ${spec.shape.join()}`
    const session = sessions.get(key) ?? open(spec, direction)
    sessions.set(key, session)
    session.catch(() => sessions.delete(key))
    return session
  }
  return {
    up: async (spec, values) => {
      const session = await sessionOf(spec, 'up')
      const x = new ort.Tensor(spec.dtype, values, spec.shape)
      const { y } = await session.use((loaded) => loaded.run({ x }))
      return { tensor: y, letGo: session.hold() }
    },
    down: async (spec, x) => {
      const session = await sessionOf(spec, 'down')
      const { y } = await session.use((loaded) => loaded.run({ x }))
      return y.data as HostArray
    },
  }
}

export class DeviceState implements State {
  readonly #specs: TensorSpecs
  readonly #carrier: Carrier
  readonly #turn = inTurn()
  readonly #held = new Map<string, Held>()
  readonly #released: () => void

  constructor(specs: TensorSpecs, carrier: Carrier, released: () => void) {
    checkSpecs('a state', specs)
    this.#specs = specs
    this.#carrier = carrier
    this.#released = released
  }

  set(values: HostArrays): Promise<void> {
    return this.#turn(async () => {
      for (const [name, value] of checkedState(this.#specs, values)) {
        this.#replace(name, await this.#carrier.up(this.#spec(name), value))
      }
    })
  }

  get(...names: readonly string[]): Promise<Record<string, HostArray>> {
    return this.#turn(async () => {
      const values: Record<string, HostArray> = {}
      for (const name of names.length === 0 ? Object.keys(this.#specs) : names) {
        values[name] = await this.#carrier.down(this.#spec(name), this.#tensor(name))
      }
      return values
    })
  }

  /** Calls `compute` with the tensors of these names and puts the tensors that it leaves in the place of others. */
  update<T>(
    names: readonly string[],
    compute: (tensors: Readonly<Record<string, ort.Tensor>>) => Promise<{ left: Record<string, Held>; result: T }>,
  ): Promise<T> {
    return this.#turn(async () => {
      const { left, result } = await compute(Object.fromEntries(names.map((name) => [name, this.#tensor(name)])))
      for (const [name, held] of Object.entries(left)) this.#replace(name, held)
      return result
    })
  }

  release(): Promise<void> {
    return this.#turn(async () => {
      for (const held of this.#held.values()) drop(held)
      this.#held.clear()
      this.#released()
    })
  }

  #spec(name: string): TensorSpecs[string] {
    const spec = this.#specs[name]
    if (spec === undefined) throw unknownState(name)
    return spec
  }

  #tensor(name: string): ort.Tensor {
    this.#spec(name)
    const held = this.#held.get(name)
    if (held === undefined) throw unsetState(name)
    return held.tensor
  }

  #replace(name: string, held: Held): void {
    const before = this.#held.get(name)
    this.#held.set(name, held)
    if (before !== undefined) drop(before)
  }
}

/** Frees the tensor before its session: freed after the session that made it, it crashes the process. */
const drop = ({ tensor, letGo }: Held): void => {
  tensor.dispose()
  letGo()
}

/** `session` leaves the outputs of the state's names on the device. */
export const statefulFunction = (
  { label, inputs }: FunctionDefinition,
  { outputs, outputNames }: TracedModel,
  names: readonly string[],
  session: Session,
  explain: (cause: unknown) => EngineError,
): StatefulFunction => {
  const brought = withoutState(inputs, names)
  const handedBack = withoutState(outputs, names)
  const replaced = names.filter((name) => name in outputs)
  return {
    outputs: handedBack,
    run: async (state, values) => {
      if (!(state instanceof DeviceState)) throw new EngineError(`${label} was given a state of another engine`)
      const feeds = feedsOf(label, brought, values)
      return await state.update(names, (tensors) =>
        session.use(async (loaded) => {
          const made = await loaded.run({ ...feeds, ...tensors }).catch((cause: unknown) => {
            throw explain(cause)
          })
          const of = (name: string): ort.Tensor => made[outputNames[name]]
          return {
            left: Object.fromEntries(replaced.map((name) => [name, { tensor: of(name), letGo: session.hold() }])),
            result: Object.fromEntries(Object.keys(handedBack).map((name) => [name, of(name).data as HostArray])),
          }
        }),
      )
    },
    release: () => session.release(),
  }
}
