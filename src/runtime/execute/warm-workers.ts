/**
 * Workers' processes that stay for the next stage of the same module and code, because starting one takes longer than a cheap
 * stage. Only stages whose kind says `warm` come here, and only those that went well leave their process behind.
 */
import { WorkerProcess } from './worker-process.js'

/** After so many stages a process is replaced: what leaks does not add up. */
const longestService = 500
/** Idle processes at most, whatever they are for. */
const mostIdle = 16

export class WarmWorkers {
  readonly #idle: { readonly key: string; readonly worker: WorkerProcess }[] = []

  /** An idle worker that has computed stages of this key, or a fresh one. */
  take(key: string): WorkerProcess {
    for (;;) {
      const found = this.#idle.findLast((each) => each.key === key)
      if (found === undefined) return new WorkerProcess(['--warm'])
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
