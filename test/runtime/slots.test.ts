import * as Effect from 'effect/Effect'
import * as Fiber from 'effect/Fiber'
import { expect } from 'chai'
import { makeSlots } from '../../src/runtime/execute/turns.js'
import { runProbe, type ProbeStages } from '../support/probe.js'
import { eventOf } from '../support/read-events.js'
import { workspaceForEach } from '../support/workspace.js'
import { readFileSync } from 'node:fs'

/** How many of these were at work at the same time, at most. */
const mostAtOnce = async (jobs: number, places: readonly (string | undefined)[]): Promise<number> => {
  const slots = makeSlots(jobs)
  let [now, most] = [0, 0]
  const work = Effect.gen(function* () {
    most = Math.max(most, ++now)
    yield* Effect.sleep(30)
    now -= 1
  })
  await Effect.runPromise(
    Effect.forEach(places, (gpu) => slots.use({ gpu }, () => work), { concurrency: 'unbounded', discard: true }),
  )
  return most
}

describe('slots', () => {
  it('let one stage at a time on each GPU, and stages on different GPUs side by side', async () => {
    expect(await mostAtOnce(4, ['cuda:0', 'cuda:0', 'cuda:0'])).to.equal(1)
    expect(await mostAtOnce(1, ['cuda:0', 'cuda:1', 'cuda:0', 'cuda:1'])).to.equal(2)
    expect(await mostAtOnce(1, ['webgpu:0', 'cuda:0'])).to.equal(2)
  })

  it('let as many stages on the CPU as there are jobs, whatever the GPUs do', async () => {
    expect(await mostAtOnce(2, [undefined, undefined, undefined])).to.equal(2)
    expect(await mostAtOnce(1, [undefined, 'cuda:0', undefined])).to.equal(2)
  })
})

describe('work that has to be alone', () => {
  /** The order in which these begin, all asked for at once. */
  const orderOf = async (jobs: number, names: readonly string[]): Promise<readonly string[]> => {
    const slots = makeSlots(jobs)
    const order: string[] = []
    const work = (name: string) => () =>
      Effect.andThen(
        Effect.sync(() => order.push(name)),
        Effect.sleep(10),
      )
    await Effect.runPromise(
      Effect.forEach(names, (name) => slots.use({ exclusive: name.startsWith('alone') }, work(name)), {
        concurrency: 'unbounded',
        discard: true,
      }),
    )
    return order
  }

  it('goes last, however few slots there are', async () => {
    const names = ['a', 'alone 1', 'b', 'alone 2', 'c']
    for (const jobs of [1, 2]) {
      expect(await orderOf(jobs, names), `${jobs} jobs`).to.deep.equal(['a', 'b', 'c', 'alone 1', 'alone 2'])
    }
  })

  it('lets what has come meanwhile go before the next that has to be alone', async () => {
    const slots = makeSlots(1)
    const order: string[] = []
    const says = (name: string) => Effect.sync(() => order.push(name))
    const late = slots.use({}, () => says('late'))
    const first = slots.use({ exclusive: true }, () => Effect.andThen(says('alone 1'), Effect.forkChild(late)))
    const second = slots.use({ exclusive: true }, () => says('alone 2'))
    await Effect.runPromise(
      Effect.all([Effect.flatMap(first, Fiber.join), second], { concurrency: 'unbounded', discard: true }),
    )
    expect(order).to.deep.equal(['alone 1', 'late', 'alone 2'])
  })
})

describe('who waits for a slot', () => {
  /** The order in which `ranks`, all asked for at once, get the only slot. */
  const orderOf = async (ranks: readonly number[]): Promise<readonly number[]> => {
    const slots = makeSlots(1)
    const order: number[] = []
    const work = (rank: number) =>
      Effect.andThen(
        Effect.sync(() => order.push(rank)),
        Effect.sleep(1),
      )
    await Effect.runPromise(
      Effect.forEach(ranks, (rank) => slots.use({ rank }, () => work(rank)), {
        concurrency: 'unbounded',
        discard: true,
      }),
    )
    return order
  }

  it('goes by rank, whoever came first', async () => {
    expect(await orderOf([7, 3, 5, 1, 3.5])).to.deep.equal([7, 1, 3, 3.5, 5])
  })

  it('may give up without taking the turn of another, and leaves its slot when it fails', async () => {
    const slots = makeSlots(1)
    const order: string[] = []
    const says = (text: string) => Effect.sync(() => order.push(text))
    await Effect.runPromise(
      Effect.gen(function* () {
        const holding = yield* Effect.forkChild(
          Effect.exit(slots.use({}, () => Effect.andThen(Effect.sleep(20), Effect.fail('broken')))),
        )
        yield* Effect.sleep(1)
        const impatient = yield* Effect.forkChild(slots.use({ rank: 1 }, () => says('impatient')))
        const patient = yield* Effect.forkChild(slots.use({ rank: 2 }, () => says('patient')))
        yield* Effect.sleep(1)
        yield* Fiber.interrupt(impatient)
        yield* Fiber.join(holding)
        yield* Fiber.join(patient)
        yield* slots.use({ rank: 3 }, () => says('last'))
      }),
    )
    expect(order).to.deep.equal(['patient', 'last'])
  })
})

describe("a device's number", () => {
  const workspace = workspaceForEach()
  const stages: ProbeStages = { told: { kind: 'engine' } }

  it('reaches the stage, with the versions that it must find, and is no part of its identity', async () => {
    const onSecond = { engine: 'onnxruntime', device: 'cuda', deviceIndex: 1 }
    const first = await runProbe(workspace, stages, onSecond)
    const { fingerprint } = eventOf(first.events, 'stage-finished', 'told')
    const told = JSON.parse(
      readFileSync(workspace.file('store', 'artifacts', fingerprint, 'value.txt'), 'utf8'),
    ) as object
    expect(told).to.include({ engine: 'onnxruntime', device: 'cuda', deviceIndex: 1 })
    expect(told).to.deep.include({ versions: { numbers: '1' } })
    const second = await runProbe(workspace, stages, { ...onSecond, deviceIndex: 0 })
    expect(eventOf(second.events, 'stage-cached', 'told').fingerprint).to.equal(fingerprint)
  })
})
