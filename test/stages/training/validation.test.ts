import { expect } from 'chai'
import { copyFileSync } from 'node:fs'
import * as Effect from 'effect/Effect'
import * as Fiber from 'effect/Fiber'
import type { TrainParams } from '../../../src/dsl/nodes.js'
import { npz, pipeline, vit } from '../../../src/index.js'
import { foreseeStage } from '../../../src/stages/foresight.js'
import { scoredDescendants } from '../../../src/stages/stitching/validate-pool.js'
import { bestEpoch, hasStopped } from '../../../src/stages/training/validation.js'
import { artifactOf, failModelStage, stageEffect, syntheticData, trainParams } from '../model-stage-runs.js'
import { failure } from '../failure.js'
import { tempFolder } from '../temp-folder.js'
import { CONSTANT, EVERYTHING, goingOn, runner, stages, teacherOf, type Ran, type Stage } from './extending.js'

const historyOf = ({ bytes }: Pick<Ran, 'bytes'>): readonly Record<string, number>[] =>
  Buffer.from(bytes['history.jsonl'], 'hex')
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, number>)

/** Of epochs with these scores. */
const history = (...scores: readonly (readonly [top1: number, loss: number])[]) =>
  scores.map(([validationTop1, validationLoss], at) => ({ epoch: at + 1, validationTop1, validationLoss }))

describe('validation', () => {
  const folder = tempFolder()
  let run: ReturnType<typeof runner>
  beforeEach(() => {
    run = runner(folder)
  })

  /** A rate so high that epochs differ in what they are worth. */
  const restless: Partial<TrainParams> = { ...CONSTANT, lr: 6e-2, epochs: 6 }
  const data = () => syntheticData(folder.file('data'), 40, 30, 30)

  it('scores after every epoch what the training would leave, running means included, and changes nothing else', async () => {
    const images = data()
    copyFileSync(images.files['test.safetensors'], images.files['validation.safetensors'])
    const train = { ...CONSTANT, emaDecay: 0.8, epochs: 3 }
    const { bytes, artifact } = await run(teacherOf(images), train)
    const { top1, loss, validationTop1, validationLoss } = artifact.summary
    const scored = historyOf({ bytes })
    expect(scored.at(-1)).to.include({ validationTop1: top1, validationLoss: loss })
    expect([validationTop1, validationLoss]).to.deep.equal([top1, loss])
    const second = await run(teacherOf(images), { ...train, epochs: 2 })
    expect(scored[1]).to.include({ validationLoss: second.artifact.summary['loss'] })

    const unscored = await run(teacherOf(images), { ...train, validate: false })
    expect(unscored.bytes['model.safetensors']).to.equal(bytes['model.safetensors'])
    expect(historyOf(unscored)[0]).to.not.have.property('validationTop1')
    expect(unscored.artifact.summary).to.not.have.property('validationTop1')
  })

  it("keeps the best epoch's weights: those that a training which ended there leaves", async () => {
    const stage = teacherOf(data())
    const kept = await run(stage, { ...restless, keep: 'best' })
    const { epoch } = bestEpoch(historyOf(kept))!
    expect(epoch).to.be.within(2, 5)
    expect(kept.artifact.summary).to.include({ keptEpoch: epoch })
    const ended = await run(stage, { ...restless, epochs: epoch })
    const last = await run(stage, restless)
    expect(kept.bytes['model.safetensors']).to.equal(ended.bytes['model.safetensors'])
    expect(kept.bytes['history.jsonl']).to.equal(last.bytes['history.jsonl'])
    expect(last.bytes['model.safetensors']).to.not.equal(ended.bytes['model.safetensors'])
    expect(kept.artifact.summary['top1']).to.equal(ended.artifact.summary['top1'])
  })

  it('takes of equally good epochs the one of the lower loss, then the earlier', () => {
    expect(bestEpoch(history([0.5, 1], [0.7, 2], [0.7, 1.5], [0.7, 1.5], [0.6, 0.1]))?.['epoch']).to.equal(3)
  })

  it('ends a training that no longer gets better, at the first epoch at which patience is over', async () => {
    expect(hasStopped(history([0.5, 1], [0.6, 1], [0.6, 0.5]), { patience: 2, minDelta: 0 })).to.equal(false)
    expect(hasStopped(history([0.5, 1], [0.6, 1], [0.6, 0.5], [0.55, 1]), { patience: 2, minDelta: 0 })).to.equal(true)
    expect(hasStopped(history([0.5, 1], [0.55, 1], [0.58, 1]), { patience: 2, minDelta: 0.1 })).to.equal(true)
    expect(hasStopped(history([0.5, 1], [0.55, 1], [0.61, 1]), { patience: 2, minDelta: 0.1 })).to.equal(false)

    const stage = teacherOf(data())
    const train = { ...restless, patience: 1, minDelta: 0.2, epochs: 9 }
    const stopped = await run(stage, train)
    const { length } = historyOf(stopped)
    expect(length).to.be.within(2, 8)
    expect(stopped.artifact.summary).to.include({ epochs: length })
    expect(stopped.steps).to.have.length(length * 6)
    const ended = await run(stage, { ...train, epochs: length })
    expect(stopped.bytes).to.deep.equal(ended.bytes)
    const longer = await run(stage, { ...train, epochs: 12 }, goingOn(9, stopped))
    expect([longer.bytes, longer.steps]).to.deep.equal([stopped.bytes, []])
  })

  it('interrupted in an epoch, in its validation and after the best one, goes on to the same bytes', async () => {
    const stage = teacherOf(data())
    const train = { ...restless, ...EVERYTHING, keep: 'best', patience: 5 } as const
    const whole = await run(stage, train)
    const cut = async (phase: string, epoch: number): Promise<void> => {
      const { stage: trained, params, inputs } = stage(trainParams(train))
      let reached = () => {}
      const there = new Promise<void>((resolve) => (reached = resolve))
      const progress = (report: { phase: string; epoch?: number }) =>
        report.phase === phase && report.epoch === epoch && reached()
      const fiber = Effect.runFork(stageEffect(trained, { params, inputs, progress, outDir: folder.file('cut') }))
      await there
      await Effect.runPromise(Fiber.interrupt(fiber))
    }
    for (const [phase, epoch] of [
      ['train', 1],
      ['validate', 1],
      ['train', 4],
      ['validate', 6],
    ] as const) {
      await cut(phase, epoch)
    }
    const resumed = await run(stage, train, { outDir: folder.file('cut') })
    expect(resumed.bytes).to.deep.equal(whole.bytes)
    expect(resumed.artifact.summary).to.deep.equal(whole.artifact.summary)
  })

  it('of a training that goes on from a shorter one is that of one in one go, of students, pools and singles too', async () => {
    const { distill, stitch, single } = await stages(folder, 20)
    for (const [name, stage] of Object.entries({ distill, stitch, single })) {
      const train = { ...CONSTANT, keep: 'best', epochs: 2 } as const
      const whole = await run(stage, train)
      const extended = await run(stage, train, goingOn(1, await run(stage, { ...train, epochs: 1 })))
      expect(extended.bytes, name).to.deep.equal(whole.bytes)
      expect(extended.artifact.summary, name).to.deep.equal(whole.artifact.summary)
      for (const { validationTop1, validationLoss } of historyOf(whole)) {
        expect(validationTop1, name).to.be.within(0, 1)
        expect(validationLoss, name).to.be.greaterThan(0)
      }
    }
  })

  it('of a pool is by eight descendants at most, from the smallest to the largest', () => {
    const descendants = [5, 3, 9, 1, 7, 2, 8, 4, 6, 10].map((macs) => ({ macs })) as never
    expect(scoredDescendants({ descendants }, [0, 1, 2])).to.deep.equal([1, 0, 2])
    const chosen = scoredDescendants({ descendants }, [...Array(10).keys()])
    expect(chosen).to.have.length(8)
    expect([chosen[0], chosen.at(-1)]).to.deep.equal([3, 9])
  })

  it('that has to decide is refused where the data have no such images', async () => {
    const stage: Stage = teacherOf(syntheticData(folder.file('none')))
    for (const train of [{ keep: 'best' }, { patience: 1 }] as const) {
      const { stage: trained, params, inputs } = stage(trainParams(train))
      const error = await failModelStage(trained, { params, inputs, outDir: folder.file('refused') })
      expect(error.message).to.equal('the data has no validation split')
      expect(error.hint).to.include('validation: 0.1')
    }
    expect(artifactOf(folder.file('refused')).files).to.deep.equal({})
  })

  it('that has to decide is refused before anything runs where an .npz brings none', async () => {
    const data = npz('a.npz', { numClasses: 3 })
    const [, node] = pipeline('npz')
      .data(data)
      .teacher(vit({ embedDim: 8, depth: 1, numHeads: 1 }), { epochs: 1, batchSize: 4, keep: 'best' })
      .toNode().stages
    const foresee = (validation: number) =>
      foreseeStage(node, {
        engine: 'onnxruntime',
        memoryBytes: 2 ** 40,
        images: () => ({ train: 40, test: 4, validation }),
        files: {},
      })
    expect(await failure(foresee(0))).to.equal('its keep is decided by the validation images, and the data have none')
    expect(await foresee(4)).to.deep.equal([])
  })
})
