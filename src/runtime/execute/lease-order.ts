/** Who may compute, of all who have asked for a part of the machine. Pure: a function of the queue. */

/** What a stage needs while it computes. */
export type Wants =
  /** One of the machine's CPU slots, as many as it has cores; `threads` would be best. */
  | { readonly type: 'cpu'; readonly threads: number }
  /** A GPU; with its estimate and the device's size where both are known. */
  | { readonly type: 'gpu'; readonly device: string; readonly bytes?: number; readonly deviceBytes?: number }
  /** Everything: nothing else of this user's runs may compute. */
  | { readonly type: 'machine' }

/** A place in the queue. */
export interface Ticket {
  readonly number: number
  /** The run it is of. */
  readonly run: string
  /** What it is for, as others are told. */
  readonly what: string
  readonly wants: Wants
  /** CPU stages side by side that its run was told to have: more than there are cores only if somebody said so. */
  readonly jobs: number
  /** The threads it was given; undefined while it waits. */
  readonly granted?: number
}

/** A part of a GPU's memory stays free: estimates are rough, and libraries take some for themselves. */
const gpuShare = 0.8

const resourceOf = (wants: Wants): string => (wants.type === 'gpu' ? wants.device : wants.type)

/** Whether two stages can be in each other's way. */
const share = (a: Wants, b: Wants): boolean =>
  a.type === 'machine' || b.type === 'machine' || resourceOf(a) === resourceOf(b)

const fitsOnGpu = (wants: Extract<Wants, { type: 'gpu' }>, others: readonly Wants[]): boolean => {
  const sizes = [wants, ...others].map((each) => (each.type === 'gpu' ? each.bytes : undefined))
  if (sizes.length === 1) return true
  if (wants.deviceBytes === undefined || sizes.some((size) => size === undefined)) return false
  return sizes.reduce<number>((sum, size) => sum + size!, 0) <= gpuShare * wants.deviceBytes
}

const fits = ({ wants, jobs }: Ticket, held: readonly Ticket[], cores: number): boolean => {
  const others = held.map((each) => each.wants).filter((each) => share(wants, each))
  switch (wants.type) {
    case 'machine':
      return others.length === 0
    case 'gpu':
      return !others.some(({ type }) => type === 'machine') && fitsOnGpu(wants, others)
    case 'cpu':
      return !others.some(({ type }) => type === 'machine') && others.length < Math.max(cores, jobs)
  }
}

/** The threads that a stage gets: what it asked for, as far as other runs leave cores free. */
const threadsFor = (ticket: Ticket, queue: readonly Ticket[], held: readonly Ticket[], cores: number): number => {
  if (ticket.wants.type !== 'cpu') return cores
  const others = held.filter(({ run, wants }) => run !== ticket.run && wants.type === 'cpu')
  const used = others.reduce((sum, { granted = 1 }) => sum + granted, 0)
  const asking = queue.filter(({ wants }) => wants.type === 'cpu').length
  return Math.max(1, Math.min(ticket.wants.threads, cores - used, Math.floor(cores / asking)))
}

export type LeaseTurn =
  | { readonly granted: true; readonly threads: number }
  /** `by` is the first that is in its way, `resource` what both want. */
  | { readonly granted: false; readonly by: Ticket | undefined; readonly resource: string }

/**
 * Whether it is this ticket's turn. `queue` is in the order of the numbers. First come, first served of each resource: a
 * ticket waits for those that hold what it needs and for those that came before it and wait for the same. All of a ticket's
 * needs are met at once, and who computes waits for nobody, so nobody waits in a circle.
 */
export const turnOf = (number: number, queue: readonly Ticket[], cores: number): LeaseTurn => {
  const held = queue.filter(({ granted }) => granted !== undefined)
  const waiting: Ticket[] = []
  for (const ticket of queue) {
    if (ticket.granted !== undefined) continue
    const before = waiting.find((each) => share(each.wants, ticket.wants))
    const free = before === undefined && fits(ticket, held, cores)
    if (ticket.number === number) {
      if (free) return { granted: true, threads: threadsFor(ticket, queue, held, cores) }
      const by = held.find((each) => share(each.wants, ticket.wants)) ?? before
      return { granted: false, by, resource: resourceOf(ticket.wants) }
    }
    if (free) held.push(ticket)
    else waiting.push(ticket)
  }
  return { granted: false, by: undefined, resource: 'machine' }
}
