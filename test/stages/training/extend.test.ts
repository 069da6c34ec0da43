import { expect } from 'chai'
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs'
import * as Effect from 'effect/Effect'
import * as Fiber from 'effect/Fiber'
import type { TrainParams } from '../../../src/dsl/nodes.js'
import type { Extension, InputArtifact, StageFunction } from '../../../src/runtime/stage-contract.js'
import { distill } from '../../../src/stages/distill.js'
import { pool } from '../../../src/stages/pool.js'
import { single } from '../../../src/stages/single.js'
import { stitch } from '../../../src/stages/stitch.js'
import { teacher } from '../../../src/stages/teacher.js'
import {
  artifactOf,
  bytesIn,
  distillParams,
  gridParams,
  ONNX,
  runModelStage,
  stageEffect,
  stitchParams,
  syntheticData,
  teacherParams,
  tinyConfig,
  trainParams,
  type Given,
} from '../model-stage-runs.js'
import { tempFolder } from '../temp-folder.js'

const AUGMENT: TrainParams['augment'] = {
  cropScale: 0.5,
  flip: 0.5,
  randAugment: { operations: 2, magnitude: 9, std: 0.5 },
  colorJitter: 0,
  erasing: 0.25,
  mixup: 0.8,
  cutmix: 1,
  switchProbability: 0.5,
}

/** Everything in a training that could count its epochs; 5 batches an epoch, so the second update of each has 2 of them. */
const EVERYTHING: Partial<TrainParams> = {
  accumulate: 3,
  clipNorm: 1,
  emaDecay: 0.9,
  dropPath: 0.3,
  labelSmoothing: 0.1,
  augment: AUGMENT,
}

const SCHEDULES: Readonly<Record<string, Partial<TrainParams>>> = {
  'a constant rate': { schedule: 'constant' },
  'a constant rate after a warm-up': { schedule: 'constant', warmupEpochs: 1.5 },
  'a cosine over more epochs': { scheduleEpochs: 8, warmupEpochs: 0.4 },
  'a cosine by epochs': { scheduleEpochs: 8, warmupEpochs: 1, scheduleBy: 'epoch' },
}
const CONSTANT = SCHEDULES['a constant rate']

type Stage = (train: TrainParams) => Pick<Given<object>, 'params' | 'inputs'> & { readonly stage: StageFunction }

const stageOf = <Params extends object>(
  stage: StageFunction<Params>,
  params: Params,
  inputs: Given<Params>['inputs'],
): ReturnType<Stage> => ({ stage: stage as StageFunction, params, inputs })

const nothingWanted: Extension = { deliver: () => Effect.void }

describe('training that extends', () => {
  const folder = tempFolder()
  let names = 0

  const inputs = async () => {
    const data = syntheticData(folder.file('data'))
    const taught = await runModelStage(teacher, {
      params: teacherParams(),
      inputs: { data },
      outDir: folder.file('teacher'),
    })
    const student = (embedDim: number, name: string) =>
      runModelStage(distill, {
        params: distillParams({ model: tinyConfig(embedDim) }),
        inputs: { data, teacher: taught },
        outDir: folder.file(name),
      })
    const [tiny, base] = [await student(8, 'tiny'), await student(16, 'base')]
    const students = await runModelStage(pool, {
      params: { students: ['tiny', 'base'] },
      inputs: { tiny, base },
      outDir: folder.file('pool'),
    })
    return { data, teacher: taught, pool: students }
  }

  /** The stages by name, each as a function of how it trains. */
  const stages = async (): Promise<Readonly<Record<string, Stage>>> => {
    const { data, ...others } = await inputs()
    const grid = gridParams()
    const macs = { sampling: 'macs', macsGroups: 3, init: 'leastSquares' } as const
    const models = [tinyConfig(8), tinyConfig(16)]
    const weightStart = { type: 'xavierUniform', gain: 1 } as const
    const alone = { names: ['tiny', 'base'], models, grid, descendant: 3, loss: 'hard', seed: 5 } as const
    return {
      teacher: (train) => stageOf(teacher, teacherParams({ train }), { data }),
      distill: (train) => stageOf(distill, distillParams({ train }), { data, teacher: others.teacher }),
      stitch: (train) => stageOf(stitch, stitchParams({ train }), { data, ...others }),
      'stitch, drawing by MACs, from least squares': (train) =>
        stageOf(stitch, stitchParams({ ...macs, grid: gridParams({ twoWay: true }), train }), { data, ...others }),
      single: (train) =>
        stageOf(
          single,
          { ...alone, weightStarts: [weightStart, weightStart], train },
          { data, teacher: others.teacher },
        ),
    }
  }

  const teacherOf =
    (data: InputArtifact): Stage =>
    (train) =>
      stageOf(teacher, teacherParams({ train }), { data })

  interface Ran {
    readonly bytes: Readonly<Record<string, string>>
    readonly artifact: InputArtifact
    /** Steps of training that were reported. */
    readonly steps: readonly number[]
  }

  const run = async (stage: Stage, train: Partial<TrainParams>, more: Partial<Given<object>> = {}): Promise<Ran> => {
    const { stage: run, params, inputs: reads } = stage(trainParams(train))
    const outDir = more.outDir ?? folder.file(`run ${names++}`)
    const steps: number[] = []
    const artifact = await runModelStage(run, {
      params,
      inputs: reads,
      progress: ({ step, epoch }) => epoch !== undefined && steps.push(step),
      ...more,
      outDir,
    })
    return { bytes: bytesIn(outDir), artifact, steps }
  }

  const goingOn = (at: number, { artifact }: Pick<Ran, 'artifact'>): Pick<Given<object>, 'extension'> => ({
    extension: { ...nothingWanted, from: { at, artifact } },
  })

  it('leaves the bytes of one that was never cut, in every stage and with everything that could count epochs', async () => {
    for (const [name, stage] of Object.entries(await stages())) {
      const train = { ...EVERYTHING, ...CONSTANT }
      const whole = await run(stage, { ...train, epochs: 3 })
      const first = await run(stage, { ...train, epochs: 1 })
      const extended = await run(stage, { ...train, epochs: 3 }, goingOn(1, first))
      expect(whole.bytes, name).to.have.property('training.safetensors')
      expect(extended.bytes, name).to.deep.equal(whole.bytes)
      expect(extended.artifact.summary, name).to.deep.equal(whole.artifact.summary)
      expect([first.steps, extended.steps], name).to.deep.equal([
        [1, 2, 3, 4, 5],
        [6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
      ])
    }
  })

  it('does so without augmentation too, where the teacher answers once for all epochs or, of one epoch, batch by batch', async () => {
    const { distill: distilling, stitch: stitching } = await stages()
    for (const stage of [distilling!, stitching!]) {
      const whole = await run(stage, { ...CONSTANT, epochs: 2 })
      const extended = await run(
        stage,
        { ...CONSTANT, epochs: 2 },
        goingOn(1, await run(stage, { ...CONSTANT, epochs: 1 })),
      )
      expect(extended.bytes).to.deep.equal(whole.bytes)
    }
  })

  it('does so with every schedule that allows it, several times in a row', async () => {
    const stage = teacherOf(syntheticData(folder.file('data')))
    for (const [name, schedule] of Object.entries(SCHEDULES)) {
      const train = (epochs: number) => ({ ...schedule, emaDecay: 0.8, epochs })
      const whole = await run(stage, train(6))
      const third = await run(stage, train(3), goingOn(2, await run(stage, train(2))))
      const extended = await run(stage, train(6), goingOn(3, third))
      expect(extended.bytes, name).to.deep.equal(whole.bytes)
    }
  })

  it('does so on the reference engine', async () => {
    const stage = teacherOf(syntheticData(folder.file('data'), 16, 10))
    const on = { engine: { ...ONNX, engine: 'cpu' as const } }
    const whole = await run(stage, { ...CONSTANT, epochs: 2 }, on)
    const first = await run(stage, { ...CONSTANT, epochs: 1 }, on)
    const extended = await run(stage, { ...CONSTANT, epochs: 2 }, { ...on, ...goingOn(1, first) })
    expect(extended.bytes).to.deep.equal(whole.bytes)
  })

  it('of the default cosine would come to other weights: its rate depends on where it ends', async () => {
    const stage = teacherOf(syntheticData(folder.file('data')))
    const [short, long] = [await run(stage, { epochs: 1 }), await run(stage, { epochs: 2 })]
    const history = (ran: Ran) => Buffer.from(ran.bytes['history.jsonl']!, 'hex').toString().split('\n')[0]
    expect(history(short)).to.not.equal(history(long))
    expect(short.bytes).to.not.have.property('training.safetensors')
  })

  it('where the cosine has come to its end leaves what the default leaves, and no state', async () => {
    const stage = teacherOf(syntheticData(folder.file('data')))
    const plain = await run(stage, { epochs: 3 })
    const first = await run(stage, { epochs: 2, scheduleEpochs: 3 })
    const extended = await run(stage, { epochs: 3, scheduleEpochs: 3 }, goingOn(2, first))
    expect(extended.bytes).to.deep.equal(plain.bytes)
  })

  it('leaves, at the end of every epoch that is wanted, what a shorter one leaves, and is the same for it', async () => {
    for (const [name, stage] of Object.entries(await stages())) {
      const train = { ...CONSTANT, emaDecay: 0.9, accumulate: 2 }
      const left = new Map<number, object>()
      const deliver: Extension['deliver'] = Effect.fnUntraced(function* (at, leave) {
        if (at === 2) return
        const outDir = folder.file(`${name} ${at}`)
        mkdirSync(outDir)
        left.set(at, yield* leave(outDir))
      })
      const whole = await run(stage, { ...train, epochs: 4 })
      const delivering = await run(stage, { ...train, epochs: 4 }, { extension: { deliver } })
      expect(delivering.bytes, name).to.deep.equal(whole.bytes)
      expect([...left.keys()], name).to.deep.equal([1, 3])
      for (const [at, summary] of left) {
        const alone = await run(stage, { ...train, epochs: at })
        expect(bytesIn(folder.file(`${name} ${at}`)), `${name} ${at}`).to.deep.equal(alone.bytes)
        expect(summary, `${name} ${at}`).to.deep.equal(alone.artifact.summary)
      }
    }
  })

  describe('and is interrupted', () => {
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
      const state = first.artifact.files['training.safetensors']!
      truncateSync(state, 5_000)
      expect((await run(stage, train, goingOn(1, first))).bytes).to.deep.equal(whole.bytes)
      writeFileSync(state, '')
      expect((await run(stage, train, goingOn(1, first))).bytes).to.deep.equal(whole.bytes)
      const other = await run(stage, { ...train, emaDecay: null, epochs: 1 })
      expect((await run(stage, train, goingOn(1, other))).bytes).to.deep.equal(whole.bytes)
      expect((await run(stage, train, goingOn(1, { artifact: artifactOf(folder.file('data')) }))).steps[0]).to.equal(1)
    })
  })
})
