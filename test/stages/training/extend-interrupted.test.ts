import { expect } from 'chai'
import { truncateSync, writeFileSync } from 'node:fs'
import * as Effect from 'effect/Effect'
import * as Fiber from 'effect/Fiber'
import type { Extension } from '../../../src/runtime/stage-contract.js'
import { artifactOf, stageEffect, syntheticData, trainParams, type Given } from '../model-stage-runs.js'
import { tempFolder } from '../temp-folder.js'
import { CONSTANT, EVERYTHING, goingOn, runner, teacherOf, type Stage } from './extending.js'

describe('training that extends and is interrupted', () => {
  const folder = tempFolder()
  let run: ReturnType<typeof runner>
  beforeEach(() => {
    run = runner(folder)
  })
  const train = { ...CONSTANT, ...EVERYTHING, epochs: 4 }

  /** Interrupts the stage at the n-th step of its training. */
  const interruptAt = async (stage: Stage, step: number, given: Partial<Given<object>>): Promise<void> => {
    const { stage: run, params, inputs: reads } = stage(trainParams(train))
    let reached = () => {}
    const there = new Promise<void>((resolve) => (reached = resolve))
    const fiber = Effect.runFork(
      stageEffect(run, {
        params,
        inputs: reads,
        progress: (report) => report.epoch !== undefined && report.step === step && reached(),
        outDir: folder.file('cut'),
        ...given,
      }),
    )
    await there
    await Effect.runPromise(Fiber.interrupt(fiber))
  }

  it('goes on from its own checkpoint where that is further, to the same bytes', async () => {
    const stage = teacherOf(syntheticData(folder.file('data')))
    const whole = await run(stage, train)
    const given = { ...goingOn(1, await run(stage, { ...train, epochs: 1 })), outDir: folder.file('cut') }
    // A whole update ends at 13, so the batches 14 and 15 are one.
    await interruptAt(stage, 14, given)
    const { bytes, steps } = await run(stage, train, given)
    expect(steps).to.deep.equal([14, 15, 16, 17, 18, 19, 20])
    expect(bytes).to.deep.equal(whole.bytes)
  })

  it('goes on from what a shorter one has left meanwhile where that is further', async () => {
    const stage = teacherOf(syntheticData(folder.file('data')))
    const whole = await run(stage, train)
    await interruptAt(stage, 7, {})
    const third = await run(stage, { ...train, epochs: 3 })
    const { bytes, steps } = await run(stage, train, { ...goingOn(3, third), outDir: folder.file('cut') })
    expect(steps).to.deep.equal([16, 17, 18, 19, 20])
    expect(bytes).to.deep.equal(whole.bytes)
  })

  it('makes up for what it had not left of the epoch that it has saved', async () => {
    const stage = teacherOf(syntheticData(folder.file('data')))
    const { stage: trained, params, inputs: reads } = stage(trainParams(train))
    let reached = () => {}
    const there = new Promise<void>((resolve) => (reached = resolve))
    const stuck: Extension['deliver'] = (at) =>
      at === 1 ? Effect.void : Effect.sync(reached).pipe(Effect.andThen(Effect.never))
    const given = { params, inputs: reads, outDir: folder.file('cut') }
    const fiber = Effect.runFork(stageEffect(trained, { ...given, extension: { deliver: stuck } }))
    await there
    await Effect.runPromise(Fiber.interrupt(fiber))
    const left: number[] = []
    const deliver: Extension['deliver'] = (at) => Effect.sync(() => void left.push(at))
    await run(stage, train, { extension: { deliver }, outDir: folder.file('cut') })
    expect(left).to.deep.equal([2, 3])
  })

  it('trains from the start where the state that it was given is broken or of another training', async () => {
    const stage = teacherOf(syntheticData(folder.file('data')))
    const whole = await run(stage, train)
    const first = await run(stage, { ...train, epochs: 1 })
    const state = first.artifact.files['training.safetensors']
    truncateSync(state, 5_000)
    expect((await run(stage, train, goingOn(1, first))).bytes).to.deep.equal(whole.bytes)
    writeFileSync(state, '')
    expect((await run(stage, train, goingOn(1, first))).bytes).to.deep.equal(whole.bytes)
    const other = await run(stage, { ...train, emaDecay: null, epochs: 1 })
    expect((await run(stage, train, goingOn(1, other))).bytes).to.deep.equal(whole.bytes)
    expect((await run(stage, train, goingOn(1, { artifact: artifactOf(folder.file('data')) }))).steps[0]).to.equal(1)
  })
})
