import { expect } from 'chai'
import { openEngine } from '../../../src/engine/choice/open.js'
import { distillStep, startStudent } from '../../../src/stages/distill.js'
import { compileStep } from '../../../src/stages/training/open-steps.js'
import { scalarName, stepFunction, stepSpecs } from '../../../src/stages/training/device-step.js'
import { distillParams, tinyConfig, trainParams } from '../model-stage-runs.js'
import { waveImage } from '../reference-vit.js'

const TEACHER = tinyConfig(16)

/** Values that differ from element to element. */
const filler = (length: number, phase: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => Math.sin(1.7 * i + phase))

const batchFor = (specs: Readonly<Record<string, { shape: readonly number[] }>>) => {
  const batch: Record<string, Float32Array> = {}
  Object.entries(specs).forEach(([name, { shape }], index) => {
    batch[name] = filler(
      shape.reduce((a, b) => a * b, 1),
      index,
    )
  })
  return {
    ...batch,
    pixels: Float32Array.from([0, 1].flatMap((phase) => [...waveImage(TEACHER, phase)])),
    labels: Float32Array.of(1, 0, 0, 0, 0.25, 0.75),
  }
}

const PARAMS = distillParams({ train: trainParams({ batchSize: 2, weightDecay: 0 }), model: tinyConfig(8) })

describe('a training step', () => {
  it('moves along the finite differences of the whole distillation loss, with dropped paths', async () => {
    const engine = await openEngine({ engine: 'onnxruntime', device: 'cpu', threads: 1 })
    const params = { ...PARAMS, train: { ...PARAMS.train, dropPath: 0.5 } }
    const state = startStudent(params, TEACHER.embedDim)
    const definition = distillStep(params, TEACHER, state)
    const keep = Float32Array.of(1, 1, 0, 1.25, 2, 0, 1, 1, 1.25, 1.25, 2, 2)
    const batch = { ...batchFor(definition.inputs), 'keep.student': keep }
    // β₁ = 0 leaves the gradient itself in m.
    const optimiser = { ...PARAMS.train, beta1: 0 }
    const step = await compileStep(engine, definition, optimiser)
    const loss = (parts: readonly number[]) =>
      Object.values(definition.weights).reduce((sum, weight, i) => sum + weight * parts[i], 0)
    await (await step.run(0, batch)).commit()
    const h = 5e-3
    for (const component of definition.trained) {
      const gradients = component.m.slice()
      // One element of every tensor.
      for (const { name, offset, size } of component.layout.slots) {
        const at = offset + Math.floor(size / 3)
        const start = component.theta[at]
        const lossAt = async (value: number): Promise<number> => {
          component.theta[at] = value
          const { parts } = await step.run(0, batch)
          return loss(parts)
        }
        const difference = ((await lossAt(start + h)) - (await lossAt(start - h))) / (2 * h)
        component.theta[at] = start
        const scale = Math.max(0.02, Math.abs(difference))
        expect(Math.abs(gradients[at] - difference) / scale, `${component.name} ${name}`).to.be.lessThan(0.02)
      }
    }
    await engine.release()
  })

  it('gives the same parts and updates traced and compiled as it does eagerly', async () => {
    const params = { ...PARAMS, train: { ...PARAMS.train, dropPath: 0.5 } }
    const definition = distillStep(params, TEACHER, startStudent(params, TEACHER.embedDim))
    expect(definition.inputs).to.have.property('keep.student')
    const results: Record<string, ArrayLike<number>>[] = []
    for (const engineName of ['cpu', 'onnxruntime'] as const) {
      const engine = await openEngine({ engine: engineName, device: 'cpu', threads: 1 })
      const compiled = await engine.compile('step', stepFunction(definition, PARAMS.train), stepSpecs(definition))
      const inputs: Record<string, Float32Array> = batchFor(definition.inputs)
      for (const { name, theta, m, v } of definition.trained) {
        const scalars = { keep: 0.999, stepSize: 0.01, rootCorrection: 0.5 }
        for (const [key, value] of Object.entries(scalars)) {
          inputs[scalarName(key as keyof typeof scalars, name)] = Float32Array.of(value)
        }
        Object.assign(inputs, { [`theta.${name}`]: theta, [`m.${name}`]: m, [`v.${name}`]: v })
      }
      results.push(await compiled.run(inputs))
      await engine.release()
    }
    const [eager, traced] = results
    for (const [name, values] of Object.entries(eager)) {
      // The first updates of AdamW divide by |gradient|: gradients that are all rounding say nothing.
      if (name.startsWith('theta.')) continue
      for (let i = 0; i < values.length; i++) {
        expect(Math.abs(traced[name][i] - values[i])).to.be.lessThan(1e-5 * Math.max(1, Math.abs(values[i])), name)
      }
    }
  })

  it('leaves the same bytes with the halves of a batch one after the other and on two lanes', async () => {
    const thetas: Buffer[] = []
    for (const threads of [1, 2]) {
      const engine = await openEngine({ engine: 'onnxruntime', device: 'cpu', threads })
      expect(engine.lanes?.count).to.equal(threads === 1 ? undefined : 2)
      const definition = distillStep(PARAMS, TEACHER, startStudent(PARAMS, TEACHER.embedDim))
      const step = await compileStep(engine, definition, PARAMS.train)
      const batch = batchFor(definition.inputs)
      for (let at = 0; at < 3; at++) await (await step.run(1e-2, batch)).commit()
      thetas.push(Buffer.concat(definition.trained.map(({ theta }) => Buffer.from(theta.slice().buffer))))
      await engine.release()
    }
    expect(thetas[1].equals(thetas[0])).to.equal(true)
  })

  it('leaves the same bytes however many threads sum, clip, update and average', async () => {
    const wide = distillParams({
      ...PARAMS,
      model: tinyConfig(36),
      train: trainParams({ batchSize: 2, accumulate: 2, clipNorm: 0.3, emaDecay: 0.5 }),
    })
    const results: Buffer[] = []
    for (const threads of [1, 2, 3]) {
      const engine = await openEngine({ engine: 'onnxruntime', device: 'cpu', threads })
      const definition = distillStep(wide, TEACHER, startStudent(wide, TEACHER.embedDim))
      // So many that the lanes share them.
      expect(definition.trained.reduce((sum, { layout }) => sum + layout.size, 0)).to.be.greaterThan(40_000)
      const step = await compileStep(engine, definition, wide.train)
      const batch = batchFor(definition.inputs)
      for (const [index, size] of [
        [0, 2],
        [1, 2],
        [0, 2],
        [1, 2],
        [0, 1],
      ]) {
        await (await step.run(1e-2, batch, { index, size })).commit()
      }
      expect(definition.trained.map(({ updates }) => updates)).to.deep.equal([3, 3, 3])
      results.push(
        Buffer.concat(
          definition.trained.flatMap(({ theta, m, v, mean }) =>
            [theta, m, v, mean!].map((vector) => Buffer.from(vector.slice().buffer)),
          ),
        ),
      )
      await engine.release()
    }
    expect(results[1].equals(results[0])).to.equal(true)
    expect(results[2].equals(results[0])).to.equal(true)
  })

  it('that begins a window forgets what was gathered before', async () => {
    const engine = await openEngine({ engine: 'onnxruntime', device: 'cpu', threads: 1 })
    const thetas: number[][] = []
    for (const abandoned of [false, true]) {
      const definition = distillStep(PARAMS, TEACHER, startStudent(PARAMS, TEACHER.embedDim))
      const step = await compileStep(engine, definition, PARAMS.train)
      const batch = batchFor(definition.inputs)
      const other = { ...batch, pixels: batch.pixels.map((value) => -value) }
      if (abandoned) await (await step.run(1e-2, other, { index: 0, size: 2 })).commit()
      await (await step.run(1e-2, batch, { index: 0, size: 2 })).commit()
      await (await step.run(1e-2, other, { index: 1, size: 2 })).commit()
      thetas.push([...definition.trained[0].theta])
    }
    await engine.release()
    expect(thetas[1]).to.deep.equal(thetas[0])
  })

  it('with frozen transformations trains the student alone, and the frozen ones take part in the loss', async () => {
    const engine = await openEngine({ engine: 'onnxruntime', device: 'cpu', threads: 1 })
    const params = { ...PARAMS, trainTransforms: false }
    const state = startStudent(params, TEACHER.embedDim)
    const definition = distillStep(params, TEACHER, state)
    expect(definition.trained.map(({ name }) => name)).to.deep.equal(['student'])
    const step = await compileStep(engine, definition, params.train)
    const batch = batchFor(definition.inputs)
    const before = (await step.run(0, batch)).parts
    state.transforms.get('map')!.theta.fill(0)
    const after = (await step.run(0, batch)).parts
    const changed = Object.keys(definition.weights).filter((_, i) => before[i] !== after[i])
    expect(changed).to.deep.equal(['rep'])
    await engine.release()
  })
})
