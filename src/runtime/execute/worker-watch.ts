/**
 * Whether a worker is well, judged by what it says and by what its processes use. Pure: it is told the time. A native
 * call may block a worker's event loop for minutes, so silence alone proves nothing: only a worker that uses no
 * processor time either is hung, and one that computes without a word gives rise to a warning.
 */
import { durationText } from '../../dsl/amounts.js'
import type { TreeSample } from './process-tree.js'

export interface WatchLimits {
  /** What is left of the time that the stage may take. */
  readonly timeoutMs?: number
  readonly memoryBytes?: number
  readonly silenceMs: number
}

/** Why the worker has to be ended. */
export type WorkerVerdict =
  | { readonly type: 'timed-out' }
  | { readonly type: 'over-memory'; readonly bytes: number }
  | { readonly type: 'hung'; readonly ms: number }

/** Less than this is what a process uses for being there. */
const busyMs = 50
/** The share of a core above which it computes. */
const busyShare = 0.1
/** Looks that come later than so many intervals: not the worker stood still but the one who watches, or the machine. */
const lateLooks = 4

/** How often to look. */
export const watchInterval = ({ timeoutMs, memoryBytes, silenceMs }: WatchLimits): number =>
  Math.max(20, Math.min(memoryBytes === undefined ? 500 : 100, silenceMs / 5, timeoutMs ?? Infinity))

export class WorkerWatch {
  readonly #limits: WatchLimits
  readonly #intervalMs: number
  readonly #warn: (message: string) => void
  /** Time that does not count, because nobody watched. */
  #lostMs = 0
  readonly #startedAt: number
  #lookedAt: number
  #spokeAt: number
  /** When it last spoke or was seen computing. */
  #aliveAt: number
  /** When it last got further: a step it had not reported before. */
  #movedAt: number
  #step: number | undefined
  /** When it was last seen computing, and at the last look. */
  #cpuMs = 0
  #lookedCpuMs = 0
  #told: 'silent' | 'standing' | 'stopped' | undefined
  #rssBytes: number | undefined

  constructor(limits: WatchLimits, now: number, warn: (message: string) => void) {
    this.#limits = limits
    this.#intervalMs = watchInterval(limits)
    this.#warn = warn
    this.#startedAt = this.#lookedAt = this.#spokeAt = this.#aliveAt = this.#movedAt = now
  }

  /** Resident memory when last seen. */
  get rssBytes(): number | undefined {
    return this.#rssBytes
  }

  /** It said something; `step` is how far it says it is. */
  spoke(now: number, step?: number): void {
    this.#spokeAt = this.#aliveAt = now
    if (step !== undefined && step !== this.#step) {
      this.#step = step
      this.#movedAt = now
      if (this.#told === 'standing') this.#told = undefined
    }
    if (this.#told === 'silent') this.#told = undefined
  }

  #tell(what: 'silent' | 'standing' | 'stopped', message: string): void {
    if (this.#told === what) return
    this.#told = what
    this.#warn(message)
  }

  /** What follows from a look at its processes; undefined while nothing has to be done. */
  look(now: number, sample: TreeSample | undefined): WorkerVerdict | undefined {
    const since = now - this.#lookedAt
    this.#lookedAt = now
    if (since > lateLooks * this.#intervalMs + 1_000) this.#shift(since)
    const { timeoutMs, memoryBytes, silenceMs } = this.#limits
    if (sample !== undefined) this.#rssBytes = sample.rssBytes
    if (memoryBytes !== undefined && sample !== undefined && sample.rssBytes > memoryBytes) {
      return { type: 'over-memory', bytes: sample.rssBytes }
    }
    if (timeoutMs !== undefined && now - this.#startedAt - this.#lostMs >= timeoutMs) return { type: 'timed-out' }
    if (sample?.stopped === true) {
      // Somebody has done this on purpose; it can neither speak nor compute until it is told to go on.
      this.#aliveAt = this.#spokeAt = this.#movedAt = now
      this.#tell('stopped', 'has been stopped (SIGSTOP); it goes on when it is sent SIGCONT')
      return undefined
    }
    if (this.#told === 'stopped') this.#told = undefined
    if (sample !== undefined) {
      if (sample.cpuMs - this.#cpuMs >= busyMs) {
        this.#cpuMs = sample.cpuMs
        this.#aliveAt = now
      }
      // Steps may be long: one that is being computed is no standing still. Signs of life alone use less.
      if (sample.cpuMs - this.#lookedCpuMs > busyShare * since) this.#movedAt = now
      this.#lookedCpuMs = sample.cpuMs
    }
    // Where nothing is known of its processes, silence is told and not punished.
    if (sample !== undefined && now - this.#aliveAt >= silenceMs) return { type: 'hung', ms: now - this.#aliveAt }
    if (now - this.#spokeAt >= silenceMs) {
      const doing = sample === undefined ? '' : '; it computes all the time'
      this.#tell('silent', `has said nothing for ${durationText(now - this.#spokeAt)}${doing}`)
    } else if (now - this.#movedAt >= silenceMs) {
      this.#tell('standing', `has got no further for ${durationText(now - this.#movedAt)} and uses no processor time`)
    }
    return undefined
  }

  /** The run itself was stopped, or the machine asleep: that time is nobody's fault. */
  #shift(ms: number): void {
    this.#lostMs += ms
    this.#spokeAt += ms
    this.#aliveAt += ms
    this.#movedAt += ms
  }
}
