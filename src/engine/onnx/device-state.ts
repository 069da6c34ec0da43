/** State that stays on the device: outputs of one call are inputs of the next without passing the host. */
import * as ort from 'onnxruntime-node'
import { EngineError, type HostArray } from '../engine.js'
import { checkSpecs } from '../host-values.js'
import {
  checkedState,
  inTurn,
  type State,
  type StatefulFunction,
  unknownState,
  unsetState,
  withoutState,
} from '../state.js'
import { type Arrays, type Definition, feedsOf, type Session, type Specs } from './compiled.js'
import type { TracedModel } from './trace.js'

/** Where ONNX Runtime leaves an output that is not to pass the host. */
export const residentLocation = 'gpu-buffer'

/** A tensor on the device lives in the memory of the session that made it. */
interface Held {
  readonly tensor: ort.Tensor
  readonly letGo: () => void
}

/** Copies one tensor to the device, or back. */
export interface Carrier {
  readonly up: (spec: Specs[string], values: HostArray) => Promise<Held>
  readonly down: (spec: Specs[string], tensor: ort.Tensor) => Promise<HostArray>
}

/** The sessions that do so are functions `x → y` that compute nothing. */
export const openCarrier = (open: (spec: Specs[string], direction: 'up' | 'down') => Promise<Session>): Carrier => {
  const sessions = new Map<string, Promise<Session>>()
  const sessionOf = (spec: Specs[string], direction: 'up' | 'down'): Promise<Session> => {
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
      return { tensor: y as ort.Tensor, letGo: session.hold() }
    },
    down: async (spec, x) => {
      const session = await sessionOf(spec, 'down')
      const { y } = await session.use((loaded) => loaded.run({ x }))
      return (y as ort.Tensor).data as HostArray
    },
  }
}

export class DeviceState implements State {
  readonly #specs: Specs
  readonly #carrier: Carrier
  readonly #turn = inTurn()
  readonly #held = new Map<string, Held>()
  readonly #released: () => void

  constructor(specs: Specs, carrier: Carrier, released: () => void) {
    checkSpecs('a state', specs)
    this.#specs = specs
    this.#carrier = carrier
    this.#released = released
  }

  set(values: Arrays): Promise<void> {
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

  #spec(name: string): Specs[string] {
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

/** The tensor first: freed after the session that made it, it brings the process down. */
const drop = ({ tensor, letGo }: Held): void => {
  tensor.dispose()
  letGo()
}

/** `session` leaves the outputs of the state's names on the device. */
export const statefulFunction = (
  { label, inputs }: Definition,
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
          const of = (name: string): ort.Tensor => made[outputNames[name]!] as ort.Tensor
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
