import { expect } from 'chai'
import { mkdirSync } from 'node:fs'
import * as Effect from 'effect/Effect'
import type { Extension } from '../../../src/runtime/stage-contract.js'
import { bytesIn, ONNX, syntheticData } from '../model-stage-runs.js'
import { tempFolder } from '../temp-folder.js'
import { CONSTANT, EVERYTHING, goingOn, runner, SCHEDULES, stages, teacherOf, type Ran } from './extending.js'

describe('training that extends', () => {
  const folder = tempFolder()
  let run: ReturnType<typeof runner>
  beforeEach(() => {
    run = runner(folder)
  })

  it('leaves the bytes of one that was never cut, in every stage, with everything that could count epochs', async () => {
    for (const [name, stage] of Object.entries(await stages(folder))) {
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

  it('does so without augmentation too, where the teacher answers once for all epochs or batch by batch', async () => {
    const { distill: distilling, stitch: stitching } = await stages(folder)
    for (const stage of [distilling, stitching]) {
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
    const history = (ran: Ran) => Buffer.from(ran.bytes['history.jsonl'], 'hex').toString().split('\n')[0]
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

  it('leaves, at the end of every epoch that is wanted, what a shorter one leaves, and stays the same', async () => {
    for (const [name, stage] of Object.entries(await stages(folder))) {
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
})
