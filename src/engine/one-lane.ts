import type { Engine, Lanes } from './engine.js'

/** The one lane of an engine without threads of its own: its calls follow one another. */
export const oneLane = (engine: Engine): Lanes => ({
  count: 1,
  compile: async (label, fn, inputs) => {
    const compiled = await engine.compile(label, fn, inputs)
    return {
      get outputs() {
        return compiled.outputs
      },
      bind: (values, into) => () => compiled.run(values, into),
      release: () => compiled.release(),
    }
  },
  allocate: (length) => new Float32Array(length),
  call: async (calls) => {
    for (const { module, name, args } of calls) {
      // genepool: opaque whoever names a module has its URL from a literal, which is followed there
      const exported = (await import(module)) as Record<string, (...given: readonly unknown[]) => void>
      exported[name](...args)
    }
  },
})
