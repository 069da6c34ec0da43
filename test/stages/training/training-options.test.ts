import { expect } from 'chai'
import { readFileSync } from 'node:fs'
import * as Effect from 'effect/Effect'
import * as Fiber from 'effect/Fiber'
import type { TrainParams } from '../../../src/dsl/nodes.js'
import type { StageFunction } from '../../../src/runtime/stage-contract.js'
import { distill } from '../../../src/stages/distill.js'
import { readSafetensors } from '../../../src/stages/tensors/safetensors.js'
import { teacher } from '../../../src/stages/teacher.js'
import {
  bytesIn,
  distillParams,
  ONNX,
  runModelStage,
  stageEffect,
  syntheticData,
  teacherParams,
  trainParams,
  type Given,
} from '../model-stage-runs.js'
import { tempFolder } from '../temp-folder.js'

/** Everything that changes how a model trains. */
const ALL: Partial<TrainParams> = {
  accumulate: 2,
  clipNorm: 0.5,
  emaDecay: 0.9,
  dropPath: 0.3,
  labelSmoothing: 0.1,
  undecayed: ['norms'],
  augment: {
    cropScale: 0.5,
    flip: 0.5,
    randAugment: { operations: 1, magnitude: 5, std: 0.5 },
    colorJitter: 0.2,
    erasing: 0.25,
    mixup: 0.8,
    cutmix: 1,
    switchProbability: 0.5,
    repeats: 1,
  },
}

describe('training options', () => {
  const folder = tempFolder()

  /** Trains a teacher in a folder of this name; `images` training images. */
  const given = (
    name: string,
    changes: Partial<TrainParams>,
    images = 40,
  ): Given<ReturnType<typeof teacherParams>> => ({
    params: teacherParams({ train: trainParams(changes) }),
    inputs: { data: syntheticData(folder.file('data'), images) },
    outDir: folder.file(name),
  })
  const weightsOf = (name: string) => {
    const { tensors } = readSafetensors(`${folder.file(name)}/model.safetensors`)
    return [...tensors].flatMap(([, { data }]) => [...(data as Float32Array)])
  }
  const historyOf = (name: string) =>
    readFileSync(`${folder.file(name)}/history.jsonl`, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, number>)
  const model = (name: string) => bytesIn(folder.file(name))['model.safetensors']

  it('two accumulated batches of 8 are one batch of 16, but for rounding', async () => {
    // A large eps keeps the first updates from dividing rounding errors by themselves.
    const tame = { eps: 1e-2, epochs: 3 }
    await runModelStage(teacher, given('whole', { ...tame, batchSize: 16 }, 32))
    await runModelStage(teacher, given('halves', { ...tame, batchSize: 8, accumulate: 2 }, 32))
    const [whole, halves] = [weightsOf('whole'), weightsOf('halves')]
    whole.forEach((value, index) => expect(halves[index]).to.be.closeTo(value, 2e-5))
    expect(historyOf('halves')[2]['loss']).to.be.closeTo(historyOf('whole')[2]['loss'], 1e-5)
    await runModelStage(teacher, given('small batches', { ...tame, batchSize: 8 }, 32))
    expect(Math.max(...weightsOf('small batches').map((value, index) => Math.abs(value - whole[index])))).to.be.above(
      1e-3,
    )
  })

  it('accumulation leaves epochs, progress and rates alone: they count batches', async () => {
    const steps: number[] = []
    const progress: Given<object>['progress'] = ({ phase, step, steps: all }) => {
      if (phase === 'train') steps.push(step ?? 0, all ?? 0)
    }
    await runModelStage(teacher, { ...given('windows', { accumulate: 3 }), progress })
    await runModelStage(teacher, given('plain', {}))
    expect(steps).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 10].flatMap((step) => [step, 10]))
    const rates = (name: string) => historyOf(name).map(({ lr }) => lr)
    expect(rates('windows')).to.deep.equal(rates('plain'))
  })

  /** The steps that are reported after an interruption at this one. */
  const interrupted = async <Params extends object>(
    stage: StageFunction<Params>,
    run: Given<Params>,
    phase: string,
    at: number,
  ): Promise<readonly (number | undefined)[]> => {
    let reached = () => {}
    const there = new Promise<void>((resolve) => (reached = resolve))
    const progress: Given<object>['progress'] = (report) => {
      if (report.phase === phase && report.step === at) reached()
    }
    const fiber = Effect.runFork(stageEffect(stage, { ...run, progress }))
    await there
    await Effect.runPromise(Fiber.interrupt(fiber))
    const steps: (number | undefined)[] = []
    await runModelStage(stage, { ...run, progress: (report) => report.phase === phase && steps.push(report.step) })
    return steps
  }

  it('a training with all of them, interrupted within an update, goes on from its start to the same bytes', async () => {
    const whole = await runModelStage(teacher, given('whole', ALL))
    // Five batches an epoch: the windows of the second one are 6 and 7, 8 and 9, and 10.
    expect(await interrupted(teacher, given('parts', ALL), 'train', 8)).to.deep.equal([8, 9, 10])
    expect(bytesIn(folder.file('parts'))).to.deep.equal(bytesIn(folder.file('whole')))

    const distilling = (name: string) => ({
      params: distillParams({ train: trainParams(ALL) }),
      inputs: { data: given('parts', ALL).inputs['data'], teacher: whole },
      outDir: folder.file(name),
    })
    await runModelStage(distill, distilling('student'))
    expect(await interrupted(distill, distilling('student in parts'), 'distil', 3)).to.deep.equal([
      3, 4, 5, 6, 7, 8, 9, 10,
    ])
    expect(bytesIn(folder.file('student in parts'))).to.deep.equal(bytesIn(folder.file('student')))
  })

  it('a training with all of them leaves the same bytes on one thread and on two', async () => {
    for (const threads of [1, 2]) {
      await runModelStage(teacher, { ...given(`on ${threads}`, ALL), engine: { ...ONNX, threads } })
    }
    expect(bytesIn(folder.file('on 2'))).to.deep.equal(bytesIn(folder.file('on 1')))
  })

  it('the running mean is the result and is measured: with decay 0 the weights, close to 1 the start', async () => {
    const measured = []
    for (const [name, emaDecay, epochs] of [
      ['plain', null, 2],
      ['at once', 0, 2],
      ['never', 1 - 1e-7, 2],
      ['start', null, 1],
    ] as const) {
      const lr = name === 'start' ? { lr: 1e-30, minLr: 0, warmupLr: 0 } : {}
      const { summary } = await runModelStage(teacher, given(name, { emaDecay, epochs, ...lr }))
      measured.push(summary['loss'])
    }
    expect(model('at once')).to.equal(model('plain'))
    const [never, start, plain] = ['never', 'start', 'plain'].map(weightsOf)
    never.forEach((value, index) => expect(value).to.be.closeTo(start[index], 1e-6))
    expect(Math.max(...plain.map((value, index) => Math.abs(value - start[index])))).to.be.above(1e-3)
    expect(measured[1]).to.equal(measured[0])
    expect(measured[2]).to.be.closeTo(measured[3] as number, 1e-5)
  })

  it('where smoothing leaves labels that say nothing the loss cannot fall below log C', async () => {
    await runModelStage(teacher, given('smooth', { labelSmoothing: 1, epochs: 6, lr: 1e-2 }))
    await runModelStage(teacher, given('plain', { epochs: 6, lr: 1e-2 }))
    for (const { loss } of historyOf('smooth')) expect(loss).to.be.above(Math.log(3) - 1e-6)
    expect(historyOf('plain')[5]['loss']).to.be.below(Math.log(3) - 0.2)
  })

  it('stochastic depth, decay and clipping each change what is learnt; a norm never reached does not', async () => {
    const changes: readonly Partial<TrainParams>[] = [
      {},
      { dropPath: 0.3 },
      { undecayed: [] },
      { clipNorm: 0.1 },
      { clipNorm: 1e6 },
    ]
    const models = []
    for (const [index, change] of changes.entries()) {
      await runModelStage(teacher, given(`run ${index}`, change))
      models.push(model(`run ${index}`))
    }
    expect(new Set(models.slice(0, 4)).size).to.equal(4)
    expect(models[4]).to.equal(models[0])
  })

  it('options of a distillation reach its student and its matrices', async () => {
    const { inputs } = given('teacher', {})
    const taught = await runModelStage(teacher, given('teacher', {}))
    const files = []
    for (const [name, changes] of [
      ['plain', {}],
      ['changed', ALL],
    ] as const) {
      const params = distillParams({ train: trainParams(changes) })
      await runModelStage(distill, { params, inputs: { ...inputs, teacher: taught }, outDir: folder.file(name) })
      files.push(bytesIn(folder.file(name)))
    }
    for (const file of ['model.safetensors', 'transforms.safetensors']) {
      expect(files[1][file]).to.not.equal(files[0][file])
    }
  })
})
