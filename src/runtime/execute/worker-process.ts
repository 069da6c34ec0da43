/** A worker's process as the run sees it: what it says, what it printed, how it ends and how it is made to end. */
import type { ChildProcess } from 'node:child_process'
import * as Effect from 'effect/Effect'
import { messageDescriptor, startScript } from '../../base/own-program.js'
import { beingWritten, lookAgainMs, sweepUnfinished } from '../store/unfinished-files.js'
import { isWorkerMessage, type WorkerMessage } from './job.js'
import { longestSaveMs, patience, StepClock } from './patience.js'
import { killSeen, killTree, sampleTree, type SeenProcess } from './process-tree.js'
import { workerEnvironment } from './worker-memory.js'

/** How much of what a worker printed last is kept to explain a crash. */
const tailLength = 4_000

/** How long a process whose messages have ended may take to end itself. */
const endMs = 2_000

/** Who hears of a worker while it computes a stage. */
interface WorkerListener {
  readonly message: (message: WorkerMessage) => void
  readonly printed: (text: string) => void
  /** Something else came on the channel of its messages. */
  readonly strange: (value: unknown) => void
  /** The process has ended and everything that it said has been heard. */
  readonly ended: (code: number | null, signal: NodeJS.Signals | null) => void
  /** It cannot be started, or talked to. */
  readonly failed: (cause: unknown) => void
  /** It lives, and can say nothing any more. */
  readonly muted: () => void
}

export class WorkerProcess {
  readonly child: ChildProcess
  /** Stages that it has computed. */
  jobs = 0
  /** Its processes when last seen. */
  seen: readonly SeenProcess[] = []
  #listener: WorkerListener | undefined
  #tail = ''
  #saves: number | undefined
  #clock = new StepClock()

  /**
   * `kind` says what it will compute: workers of one kind keep their compiled code together. `job` is a file, or
   * `--warm`.
   */
  constructor(kind: string, job: string) {
    // stdin stays open as long as this process lives: a worker whose stdin ends has lost its run.
    const script = { beside: import.meta.url, script: 'worker-bin' }
    const child = startScript(script, [kind, job], {
      nodeArguments: ['--enable-source-maps'],
      stdin: 'pipe',
      env: workerEnvironment(),
      onMessage: (message) => {
        if (isWorkerMessage(message)) this.#heard(message)
        else this.#listener?.strange(message)
      },
      onPrinted: (text) => {
        this.#tail = (this.#tail + text).slice(-tailLength)
        this.#listener?.printed(text)
      },
    })
    this.child = child
    // A worker that has ended reads no job: its end says why.
    child.stdin?.on('error', () => {})
    child.on('error', (cause) => this.#listener?.failed(cause))
    child.stdio[messageDescriptor]?.once('close', () => {
      setTimeout(() => {
        if (!this.hasEnded) this.#listener?.muted()
      }, endMs).unref()
    })
    // `close` comes after the last line of every stream.
    child.once('close', (code, signal) => this.#listener?.ended(code, signal))
  }

  #heard(message: WorkerMessage): void {
    if (message.type === 'saves') this.#saves = message.bytes
    else if (message.type === 'progress') this.#clock.reached(message.phase, message.step, performance.now())
    this.#listener?.message(message)
  }

  /** What it printed last. */
  get tail(): string {
    return this.#tail
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null
  }

  /** Another stage begins: what is known of the last one is forgotten. */
  listen(listener: WorkerListener | undefined): void {
    this.#listener = listener
    if (listener === undefined) return
    this.#tail = ''
    this.#saves = undefined
    this.#clock = new StepClock()
  }

  /**
   * Asks the worker to stop, then makes it; done once the process is gone. It is given the time to save what it has
   * said that it saves, and longer while its checkpoint is seen to grow. So many further signals to this process (a
   * second Ctrl-C) end it at once. `waits` is told once when it takes longer than a moment.
   */
  stop(checkpointDir: string, signals: number, waits: (bytes: number) => void): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      const { child } = this
      const { pid } = child
      const gone = (): void => {
        // What it has started and left behind would keep memory and devices.
        killSeen(this.seen)
        sweepUnfinished(checkpointDir)
        resume(Effect.void)
      }
      if (this.hasEnded || pid === undefined) return gone()
      this.seen = sampleTree(pid)?.processes ?? this.seen
      const began = performance.now()
      const saves = this.#saves
      const patienceMs = patience(saves, this.#clock.longestMs)
      let left = signals
      const kill = (): void => killTree(pid)
      const impatient = (): void => {
        left -= 1
        if (left <= 0) kill()
      }
      let isTold = false
      const waitFor = (bytes: number): void => {
        if (!isTold) waits(bytes)
        isTold = true
      }
      const tell = setTimeout(() => saves !== undefined && waitFor(saves), patience(undefined, 0))
      const check = (): void => {
        const written = performance.now() - began < longestSaveMs ? beingWritten(checkpointDir) : undefined
        if (written === undefined) return kill()
        waitFor(saves ?? written)
        timer = setTimeout(check, lookAgainMs)
      }
      let timer = setTimeout(check, patienceMs)
      process.on('SIGINT', impatient).on('SIGTERM', impatient)
      child.once('exit', () => {
        clearTimeout(timer)
        clearTimeout(tell)
        process.off('SIGINT', impatient).off('SIGTERM', impatient)
        gone()
      })
      child.kill('SIGTERM')
      // One that is stopped would hear of it only afterwards.
      child.kill('SIGCONT')
    })
  }
}

/** After so many stages a process is replaced: what leaks does not add up. */
const longestService = 500

/** Idle processes at most, whatever they are for. */
const mostIdle = 16

/**
 * Workers' processes that stay for the next stage of the same module and code, because starting one takes longer than a
 * cheap stage. Only stages whose kind says `warm` come here, and only those that went well leave their process behind.
 */
export class WarmWorkers {
  readonly #idle: { readonly key: string; readonly worker: WorkerProcess }[] = []

  /** An idle worker that has computed stages of this key, or a fresh one. */
  take(key: string, kind: string): WorkerProcess {
    for (;;) {
      const found = this.#idle.findLast((each) => each.key === key)
      if (found === undefined) return new WorkerProcess(kind, '--warm')
      this.#idle.splice(this.#idle.indexOf(found), 1)
      if (!found.worker.hasEnded) return found.worker
    }
  }

  /** The worker has computed its stage well and may compute another. */
  give(key: string, worker: WorkerProcess): void {
    worker.listen(undefined)
    if (worker.hasEnded) return
    if (worker.jobs >= longestService) return retire(worker)
    this.#idle.push({ key, worker })
    if (this.#idle.length > mostIdle) retire(this.#idle.shift()!.worker)
  }

  /** Ends all that are idle. */
  end(): void {
    for (const { worker } of this.#idle.splice(0)) retire(worker)
  }
}

/** An idle worker whose stdin ends goes by itself. */
const retire = (worker: WorkerProcess): void => {
  worker.child.stdin?.end()
  worker.child.unref()
}
