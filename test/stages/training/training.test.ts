import { expect } from 'chai'
import { existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import * as Effect from 'effect/Effect'
import * as Fiber from 'effect/Fiber'
import { attempt } from '../../../src/runtime/errors.js'
import type { StageFunction } from '../../../src/runtime/stage-contract.js'
import { distill } from '../../../src/stages/distill.js'
import { pool } from '../../../src/stages/pool.js'
import { stitch } from '../../../src/stages/stitch.js'
import { teacher } from '../../../src/stages/teacher.js'
import { unsavedText } from '../../../src/stages/training/checkpoint.js'
import {
  bytesIn,
  distillParams,
  failModelStage,
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

/** Interrupts the stage at the n-th progress of its training; gives the milliseconds until it has ended. */
const interruptAt = async <Params extends object>(
  stage: StageFunction<Params>,
  given: Given<Params>,
  phase: string,
  step: number,
): Promise<number> => {
  let reached = () => {}
  const there = new Promise<void>((resolve) => (reached = resolve))
  const progress: Given<Params>['progress'] = (report) => {
    if (report.phase === phase && report.step === step) reached()
  }
  const fiber = Effect.runFork(stageEffect(stage, { ...given, progress }))
  await there
  const start = performance.now()
  await Effect.runPromise(Fiber.interrupt(fiber))
  return performance.now() - start
}

describe('training', () => {
  const folder = tempFolder()

  const pooled = async () => {
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

  it('a teacher interrupted in mid-epoch goes on to the same bytes, and stops at once', async () => {
    const data = syntheticData(folder.file('data'))
    const given = (name: string) => ({ params: teacherParams(), inputs: { data }, outDir: folder.file(name) })
    await runModelStage(teacher, given('whole'))
    for (const step of [3, 8]) {
      expect(await interruptAt(teacher, given('parts'), 'train', step)).to.be.lessThan(500)
      expect(bytesIn(folder.file('parts'))).to.deep.equal({})
    }
    const steps: number[] = []
    await runModelStage(teacher, {
      ...given('parts'),
      progress: ({ phase, step }) => phase === 'train' && steps.push(step),
    })
    expect(steps).to.deep.equal([9, 10])
    expect(bytesIn(folder.file('parts'))).to.deep.equal(bytesIn(folder.file('whole')))
  })

  it('a distilled student and a tuned pool interrupted in mid-epoch go on to the same bytes', async () => {
    const inputs = await pooled()
    const stitching = (name: string) => ({ params: stitchParams(), inputs, outDir: folder.file(name) })
    await runModelStage(stitch, stitching('whole'))
    await interruptAt(stitch, stitching('parts'), 'tune', 7)
    await runModelStage(stitch, stitching('parts'))
    expect(bytesIn(folder.file('parts'))).to.deep.equal(bytesIn(folder.file('whole')))

    const again = {
      params: distillParams(),
      inputs: { data: inputs.data, teacher: inputs.teacher },
      outDir: folder.file('tiny again'),
    }
    await interruptAt(distill, again, 'distil', 2)
    await runModelStage(distill, again)
    expect(bytesIn(folder.file('tiny again'))).to.deep.equal(bytesIn(folder.file('tiny')))
  })

  it('a broken checkpoint is as good as none', async () => {
    const data = syntheticData(folder.file('data'))
    const given = (name: string) => ({ params: teacherParams(), inputs: { data }, outDir: folder.file(name) })
    await runModelStage(teacher, given('whole'))
    await interruptAt(teacher, given('parts'), 'train', 6)
    truncateSync(`${folder.file('parts')}.checkpoint/training.safetensors`, 5000)
    const steps: number[] = []
    await runModelStage(teacher, {
      ...given('parts'),
      progress: ({ phase, step }) => phase === 'train' && steps.push(step),
    })
    expect(steps[0]).to.equal(1)
    expect(bytesIn(folder.file('parts'))).to.deep.equal(bytesIn(folder.file('whole')))
  })

  it('that cannot save a checkpoint says so once, with the cause, and ends with the same bytes', async () => {
    const data = syntheticData(folder.file('data'))
    const given = (name: string) => ({ params: teacherParams(), inputs: { data }, outDir: folder.file(name) })
    await runModelStage(teacher, given('whole'))
    const checkpoints = `${folder.file('parts')}.checkpoint`
    const warnings: string[] = []
    await runModelStage(teacher, {
      ...given('parts'),
      progress: () => {
        // No file can be written below a file.
        rmSync(checkpoints, { recursive: true })
        writeFileSync(checkpoints, '')
      },
      warn: (message) => warnings.push(message),
    })
    expect(warnings).to.have.length(1)
    expect(warnings[0]).to.match(
      /^cannot save a checkpoint \(.*(EEXIST|ENOTDIR).*\); training goes on, but what an interruption costs grows$/,
    )
    expect(bytesIn(folder.file('parts'))).to.deep.equal(bytesIn(folder.file('whole')))
  })

  it('is told what has to be free for a checkpoint where the disk is full', async () => {
    // A device on which there never is any room.
    const full = await Effect.runPromise(Effect.flip(attempt(() => writeFileSync('/dev/full', 'x'))))
    expect(unsavedText(full, 3 * 2 ** 30, '/store')).to.match(
      /^cannot save a checkpoint \(ENOSPC.*\); training goes on, .*: 3072 MiB, twice where .* have to be free in \/store$/,
    )
  })

  it('one seed gives the same bytes again, another seed gives others', async () => {
    const data = syntheticData(folder.file('data'))
    const train = async (name: string, seed: number) => {
      await runModelStage(teacher, { params: teacherParams({ seed }), inputs: { data }, outDir: folder.file(name) })
      return bytesIn(folder.file(name))
    }
    const [first, again, other] = [await train('a', 1), await train('b', 1), await train('c', 2)]
    expect(again).to.deep.equal(first)
    expect(other['model.safetensors']).to.not.equal(first['model.safetensors'])
  })

  it('learns: the loss falls and most test images are told apart', async () => {
    const data = syntheticData(folder.file('data'), 400, 60)
    const params = teacherParams({ train: trainParams({ epochs: 6, lr: 1e-2 }) })
    const { summary, files } = await runModelStage(teacher, { params, inputs: { data }, outDir: folder.file('t') })
    const lines = readFileSync(files['history.jsonl'], 'utf8').trim().split('\n')
    const history = lines.map((line) => JSON.parse(line) as Record<string, number>)
    expect(history.map(({ epoch }) => epoch)).to.deep.equal([1, 2, 3, 4, 5, 6])
    expect(history[5]['loss']).to.be.lessThan(history[0]['loss'] / 2)
    expect(history[5]['loss']).to.equal(summary['finalLoss'])
    expect(summary['top1']).to.be.greaterThan(0.9)
  })

  it('a loss that is not a number stops the stage with step, rate and advice', async () => {
    const data = syntheticData(folder.file('data'))
    const params = teacherParams({ train: trainParams({ lr: 1e30 }) })
    const error = await failModelStage(teacher, { params, inputs: { data }, outDir: folder.file('teacher') })
    expect(error.message).to.match(/^the loss became NaN at step \d+ \(epoch 1, learning rate \S+e\+/)
    expect(error.hint).to.include('lower lr')
    expect(existsSync(`${folder.file('teacher')}.checkpoint/training.safetensors`)).to.equal(false)
  })

  it('a last update that leaves no finite weights stops the stage with tensor, step, rate and advice', async () => {
    const data = syntheticData(folder.file('data'), 40, 20)
    const params = teacherParams({ train: trainParams({ lr: 1e39, batchSize: 40, epochs: 1 }) })
    const error = await failModelStage(teacher, { params, inputs: { data }, outDir: folder.file('teacher') })
    expect(error.message).to.match(/^tensor \S+ holds \S+ at step 1 \(epoch 1, learning rate 1\.00e\+39\)$/)
    expect(error.hint).to.match(/lower lr/)
  })

  it('a batch larger than the data is refused with both numbers', async () => {
    const data = syntheticData(folder.file('data'))
    const params = teacherParams({ train: trainParams({ batchSize: 41 }) })
    const error = await failModelStage(teacher, { params, inputs: { data }, outDir: folder.file('teacher') })
    expect(error.message).to.equal('a batch of 41 images cannot be drawn from 40 training images')
  })

  it('images of another size than the model reads are refused', async () => {
    const data = syntheticData(folder.file('data'))
    const params = teacherParams({ model: { ...tinyConfig(16), imageSize: 12 } })
    const error = await failModelStage(teacher, { params, inputs: { data }, outDir: folder.file('teacher') })
    expect(error.message).to.equal('the model has imageSize 12, but the data have 8')
  })
})
