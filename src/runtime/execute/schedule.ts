/**
 * Which stages may start now, of all that compute or wait: a pure function of a queue. It is asked twice of each stage,
 * of the queue of its own run and then of the queue of all runs on the machine.
 */

/** What a stage needs while it computes. */
export type Wants =
  /** One of the slots for the CPU; `threads` would be best. */
  | { readonly type: 'cpu'; readonly threads: number }
  /** A GPU; with its estimate and the device's size where both are known. */
  | { readonly type: 'gpu'; readonly device: string; readonly bytes?: number; readonly deviceBytes?: number }
  /** Everything: nothing else may compute. */
  | { readonly type: 'machine' }

/** A stage's place in a queue. */
export interface Ticket {
  readonly wants: Wants
  /** CPU stages side by side that its run was told to have. */
  readonly jobs: number
  /** The threads it was given; undefined while it waits. */
  readonly granted?: number
}

/** What the tickets of a queue share. */
export interface Room {
  /** CPU stages side by side. A ticket whose run was told to have more `jobs` may be one of so many. */
  readonly cpus: number
  /** Stages side by side on one GPU; left out, as many as its memory holds. */
  readonly onGpu?: number
  /** Whether a stage that needs the machine may start; default true. */
  readonly alone?: boolean
}

/** A part of a GPU's memory stays free: estimates are rough, and libraries take some for themselves. */
const gpuShare = 0.8

export const resourceOf = (wants: Wants): string => (wants.type === 'gpu' ? wants.device : wants.type)

/** Whether two stages can be in each other's way. */
const share = (a: Wants, b: Wants): boolean =>
  a.type === 'machine' || b.type === 'machine' || resourceOf(a) === resourceOf(b)

const fitsInMemory = (wants: Extract<Wants, { type: 'gpu' }>, others: readonly Wants[]): boolean => {
  const sizes = [wants, ...others].map((each) => (each.type === 'gpu' ? each.bytes : undefined))
  if (sizes.length === 1) return true
  if (wants.deviceBytes === undefined || sizes.some((size) => size === undefined)) return false
  return sizes.reduce<number>((sum, size) => sum + size!, 0) <= gpuShare * wants.deviceBytes
}

const fits = ({ wants, jobs }: Ticket, computing: readonly Ticket[], room: Room): boolean => {
  const others = computing.map((each) => each.wants).filter((each) => share(wants, each))
  if (wants.type === 'machine') return others.length === 0 && room.alone !== false
  if (others.some(({ type }) => type === 'machine')) return false
  if (wants.type === 'cpu') return others.length < Math.max(room.cpus, jobs)
  return room.onGpu === undefined ? fitsInMemory(wants, others) : others.length < room.onGpu
}

/**
 * The tickets of those that wait and may start now, all of them at once. The queue is in the order in which they are to
 * go: a ticket waits for those that hold what it needs, and for those before it that wait for the same. All that a
 * ticket needs it gets at once, and what computes waits for nothing, so that none can wait for each other in a circle.
 */
export const mayStart = <T extends Ticket>(queue: readonly T[], room: Room): readonly T[] => {
  const computing = queue.filter(({ granted }) => granted !== undefined)
  const starts: T[] = []
  /** What those want that wait longer. */
  const awaited = new Set<string>()
  for (const ticket of queue) {
    if (ticket.granted !== undefined) continue
    const resource = resourceOf(ticket.wants)
    const isNext = resource === 'machine' ? awaited.size === 0 : !awaited.has(resource)
    if (isNext && fits(ticket, [...computing, ...starts], room)) starts.push(ticket)
    // Whatever comes after it needs a part of the machine.
    else if (resource === 'machine') break
    else awaited.add(resource)
  }
  return starts
}

/** Of a ticket that may not start, one that is in its way: one that computes, else one that goes before it. */
export const inTheWayOf = <T extends Ticket>(ticket: T, queue: readonly T[]): T | undefined => {
  const others = queue.filter((each) => each !== ticket && share(each.wants, ticket.wants))
  const place = queue.indexOf(ticket)
  return others.find(({ granted }) => granted !== undefined) ?? others.find((each) => queue.indexOf(each) < place)
}

/**
 * The threads that a stage gets of its run's: the cores are shared among all that compute or wait for a slot
 * (`sharing`), and no more than may compute at once.
 */
export const ownThreads = (sharing: number, jobs: number, cores: number): number =>
  Math.max(1, Math.floor(cores / Math.min(jobs, Math.max(1, sharing))))

/**
 * The threads that it gets of the machine's: what it asked for, as far as other runs leave cores free. `starts` may
 * start before it and has no threads yet.
 */
export const machineThreads = <T extends Ticket & { readonly run: string }>(
  ticket: T,
  queue: readonly T[],
  starts: readonly T[],
  cores: number,
): number => {
  const { wants, run } = ticket
  if (wants.type !== 'cpu') return cores
  const onCpu = queue.filter((each) => each.wants.type === 'cpu')
  const used = onCpu
    .filter((each) => each.run !== run && (each.granted !== undefined || starts.includes(each)))
    .reduce((sum, { granted = 1 }) => sum + granted, 0)
  return Math.max(1, Math.min(wants.threads, cores - used, Math.floor(cores / onCpu.length)))
}
