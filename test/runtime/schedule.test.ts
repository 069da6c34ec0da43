import { expect } from 'chai'
import {
  inTheWayOf,
  machineThreads,
  mayStart,
  ownThreads,
  type Room,
  type Ticket,
  type Wants,
} from '../../src/runtime/execute/schedule.js'

const cpu: Wants = { type: 'cpu', threads: 4 }
const machine: Wants = { type: 'machine' }
const gpu = (device = 'cuda:0', bytes?: number): Wants => ({
  type: 'gpu',
  device,
  ...(bytes === undefined ? {} : { bytes, deviceBytes: 10 }),
})

interface Place extends Ticket {
  readonly number: number
  readonly run: string
}

const queueOf = (...tickets: readonly (Partial<Place> & { readonly wants: Wants })[]): readonly Place[] =>
  tickets.map((ticket, index) => ({ number: index + 1, run: `run${index}`, jobs: 1, ...ticket }))

/** A stage that computes. */
const computes = (wants: Wants, more: Partial<Place> = {}) => ({ wants, granted: 1, ...more })
const waits = (wants: Wants, more: Partial<Place> = {}) => ({ wants, ...more })

const mostly: Room = { cpus: 4 }

describe('who may start', () => {
  /** Of a queue on a machine or in a run with this room: the numbers of those that start now. */
  const rows: readonly (readonly [claim: string, room: Room, queue: readonly Place[], starts: readonly number[]])[] = [
    ['nobody, of nobody', mostly, [], []],
    ['on the CPU as many as there is room for', { cpus: 2 }, queueOf(waits(cpu), waits(cpu), waits(cpu)), [1, 2]],
    ['and no more than what computes leaves', { cpus: 2 }, queueOf(computes(cpu), waits(cpu), waits(cpu)), [2]],
    ['nobody on the CPU where it is full', { cpus: 1 }, queueOf(computes(cpu), waits(cpu)), []],
    ['in the order of the queue, whoever came first', { cpus: 1 }, queueOf(waits(cpu), waits(cpu)), [1]],
    ['on each GPU one', mostly, queueOf(waits(gpu()), waits(gpu()), waits(cpu), waits(gpu('cuda:1'))), [1, 3, 4]],
    [
      'on a GPU as many as are allowed',
      { cpus: 1, onGpu: 2 },
      queueOf(computes(gpu()), waits(gpu()), waits(gpu())),
      [2],
    ],
    [
      'on a full CPU or GPU nobody, and beside it whoever wants the other',
      { cpus: 1, onGpu: 1 },
      queueOf(computes(cpu), waits(cpu), waits(gpu())),
      [3],
    ],
    [
      'on a GPU as many as its memory holds, four fifths of it',
      mostly,
      queueOf(computes(gpu('cuda:0', 4)), waits(gpu('cuda:0', 4))),
      [2],
    ],
    ['not what goes beyond them', mostly, queueOf(computes(gpu('cuda:0', 4)), waits(gpu('cuda:0', 5))), []],
    ['not beside what gives no estimate', mostly, queueOf(computes(gpu()), waits(gpu('cuda:0', 1))), []],
    [
      'alone on a GPU whatever it needs: that is for the device to refuse',
      mostly,
      queueOf(waits(gpu('cuda:0', 50))),
      [1],
    ],
    ['what needs the machine when nothing computes', mostly, queueOf(waits(machine), waits(cpu)), [1]],
    [
      'not what needs the machine while something computes, and nobody passes it',
      mostly,
      queueOf(computes(gpu()), waits(machine), waits(cpu)),
      [],
    ],
    ['nothing beside what has the machine', mostly, queueOf(computes(machine), waits(gpu()), waits(cpu)), []],
    [
      'not what needs the machine, where it comes last and others wait',
      { cpus: 1 },
      queueOf(computes(cpu), waits(cpu), waits(machine)),
      [],
    ],
    [
      'not what needs the machine before all has been still for a moment',
      { cpus: 1, alone: false },
      queueOf(waits(machine)),
      [],
    ],
    ['of several that need the machine the first', mostly, queueOf(waits(machine), waits(machine)), [1]],
    [
      'more on the CPU than there are cores where its run was told to',
      { cpus: 2 },
      queueOf(
        ...[1, 2].map(() => computes(cpu, { run: 'a', jobs: 3 })),
        ...[3, 4].map(() => waits(cpu, { run: 'a', jobs: 3 })),
      ),
      [3],
    ],
    [
      'and not of another run',
      { cpus: 2 },
      queueOf(...[1, 2].map(() => computes(cpu, { run: 'a', jobs: 3 })), waits(cpu, { run: 'b', jobs: 2 })),
      [],
    ],
  ]
  for (const [claim, room, queue, starts] of rows) {
    it(claim, () => {
      expect(mayStart(queue, room).map(({ number }) => number)).to.deep.equal(starts)
    })
  }

  it('never nobody, where somebody waits and nothing computes: the first of them', () => {
    const kinds: readonly Wants[] = [cpu, gpu(), gpu('cuda:1'), gpu('cuda:0', 3), machine]
    let state = 1
    const draw = (n: number): number => (state = (state * 48_271) % 2_147_483_647) % n
    for (let trial = 0; trial < 300; trial++) {
      let waiting = queueOf(...Array.from({ length: 1 + draw(8) }, () => waits(kinds[draw(kinds.length)]!)))
      for (let left = waiting.length; left > 0; left--) {
        const free = mayStart(waiting, mostly)
        expect(free).to.include(waiting[0])
        const gone = free[draw(free.length)]
        waiting = waiting.filter((each) => each !== gone)
      }
    }
  })
})

describe('who is in the way of a stage that waits', () => {
  const inTheWay = (queue: readonly Place[], number: number): number | undefined =>
    inTheWayOf(queue[number - 1]!, queue)?.number

  it('is one that computes what it needs, else one that goes before it', () => {
    expect(inTheWay(queueOf(waits(gpu()), computes(gpu('cuda:1')), computes(gpu()), waits(gpu())), 4)).to.equal(3)
    expect(inTheWay(queueOf(computes(cpu), waits(machine), waits(gpu())), 3)).to.equal(2)
    expect(inTheWay(queueOf(computes(gpu()), waits(machine)), 2)).to.equal(1)
  })

  it('is nobody who wants something else, or comes later', () => {
    expect(inTheWay(queueOf(computes(gpu()), waits(cpu), waits(cpu)), 2)).to.be.undefined
  })
})

describe('the threads of a stage', () => {
  it('are its share of the cores among those of its run that compute or wait, and that may compute at once', () => {
    expect(ownThreads(1, 4, 8)).to.equal(8)
    expect(ownThreads(3, 4, 8)).to.equal(2)
    expect(ownThreads(9, 4, 8)).to.equal(2)
    expect(ownThreads(9, 9, 2)).to.equal(1)
    expect(ownThreads(0, 4, 8)).to.equal(8)
  })

  it('are those that other runs leave it, one at least', () => {
    const threads = (queue: readonly Place[], number: number, cores: number): number => {
      const starts = mayStart(queue.slice(0, number - 1), { cpus: cores })
      return machineThreads(queue[number - 1]!, queue, starts, cores)
    }
    const eight: Wants = { type: 'cpu', threads: 8 }
    expect(threads(queueOf(waits(eight)), 1, 8)).to.equal(8)
    expect(threads(queueOf(waits(eight), waits(eight)), 1, 8)).to.equal(4)
    expect(threads(queueOf(computes(eight, { granted: 6 }), waits(eight)), 2, 8)).to.equal(2)
    expect(threads(queueOf(computes(eight, { granted: 8 }), waits(eight)), 2, 8)).to.equal(1)
    // Stages of one run have shared the cores out among themselves.
    expect(threads(queueOf(computes(eight, { granted: 8, run: 'a' }), waits(cpu, { run: 'a' })), 2, 8)).to.equal(4)
  })
})
