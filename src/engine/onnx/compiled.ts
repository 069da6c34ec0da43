/** A traced function with its session: what a call is checked against, and how arrays become tensors. */
import * as ort from 'onnxruntime-node'
import { type CompiledFunction, EngineError, type HostArray, type TensorFunction, type TensorSpec } from '../engine.js'
import { discard } from '../discard.js'
import { checkedInput, checkedOutput } from '../host-values.js'
import type { SharedSession } from './sessions.js'
import type { TracedModel } from './trace.js'

export type Arrays = Readonly<Record<string, HostArray>>
export type Specs = Readonly<Record<string, TensorSpec>>
export type Session = SharedSession<ort.InferenceSession>

/** What a function is compiled from. */
export interface Definition {
  readonly label: string
  readonly fn: TensorFunction
  readonly inputs: Specs
}

/** Whether they share bytes. */
const overlap = (one: HostArray, other: HostArray): boolean =>
  one.buffer === other.buffer &&
  one.byteOffset < other.byteOffset + other.byteLength &&
  other.byteOffset < one.byteOffset + one.byteLength

/** Tensors over the values of these inputs, not copies. */
export const feedsOf = (label: string, inputs: Specs, values: Arrays): Record<string, ort.Tensor> =>
  Object.fromEntries(
    Object.entries(inputs).map(([name, spec]) => [
      name,
      new ort.Tensor(spec.dtype, checkedInput(label, name, spec, values), spec.shape),
    ]),
  )

export const compiledFunction = (
  { label, inputs }: Definition,
  { outputs, outputNames }: TracedModel,
  session: Session,
  explain: (cause: unknown) => EngineError,
): CompiledFunction => {
  const fetchesOf = (values: Arrays, into: Arrays): Record<string, ort.Tensor | null> => {
    const unknown = Object.keys(into).find((name) => outputs[name] === undefined)
    if (unknown !== undefined) throw new EngineError(`${label}: there is no output ${unknown}`)
    return Object.fromEntries(
      Object.entries(outputs).map(([name, spec]) => {
        if (into[name] === undefined) return [outputNames[name]!, null]
        const array = checkedOutput(label, name, spec, into)
        // It is written while inputs are still read.
        const source = Object.keys(inputs).find((input) => overlap(values[input]!, array))
        if (source !== undefined) {
          throw new EngineError(`${label}: the output ${name} cannot be written into the memory of the input ${source}`)
        }
        return [outputNames[name]!, new ort.Tensor(spec.dtype, array, spec.shape)]
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
        discard(written.map(([, inModel]) => results[inModel]!.data as HostArray))
        return Object.fromEntries(
          Object.entries(outputNames).map(([name, inModel]) => [
            name,
            into[name] ?? (results[inModel]!.data as HostArray),
          ]),
        )
      }),
    release: () => session.release(),
  }
}
