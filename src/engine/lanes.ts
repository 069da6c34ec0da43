/**
 * Lanes compute several calls of one function at a time, each on a thread of its own. Two halves of a batch on two
 * lanes take less time than the whole batch with two threads inside every operation: nothing waits for the slower half
 * of each of a thousand operations, and what an operation leaves is still in its own core's cache for the next one.
 */
import type { CompiledFunction, Engine, LaneFunction, Lanes } from './engine.js'

const inlineFunction = (compiled: CompiledFunction): LaneFunction => ({
  get outputs() {
    return compiled.outputs
  },
  bind: (inputs, into) => () => compiled.run(inputs, into),
  release: () => compiled.release(),
})

/** The one lane of an engine without threads of its own: its calls follow one another. */
export const oneLane = (engine: Engine): Lanes => ({
  count: 1,
  compile: async (label, fn, inputs) => inlineFunction(await engine.compile(label, fn, inputs)),
  allocate: (length) => new Float32Array(length),
  call: async (calls) => {
    for (const { module, name, args } of calls) {
      // genepool: opaque whoever names a module has its URL from a literal, which is followed there
      const exported = (await import(module)) as Record<string, (...given: readonly unknown[]) => void>
      exported[name](...args)
    }
  },
})
