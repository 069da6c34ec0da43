/**
 * How long a stage is expected to take: the median of what the most similar stages took on this engine, on this machine where
 * that is known. Nothing is read until the first stage is asked for, so a run with nothing to do reads nothing.
 */
import type { StageNode } from '../../dsl/nodes.js'
import type { EngineIdentity, MachineIdentity } from '../plan/fingerprint.js'
import { machineKey, paramsKey, readTimes, timedKind, wholeKey, type StageTime } from './stage-times.js'
import { workOf, workRatio } from './stage-work.js'
import type { Store } from '../store/store.js'

/** A stage as far as its time depends on it. */
export interface TimedStage {
  readonly node: StageNode
  readonly kind: { readonly usesEngine: boolean }
}

export interface TimedHere {
  /** The definition, as `remembered.as` names it. */
  readonly definition: string
  readonly engine: Pick<EngineIdentity, 'engine' | 'device'>
  readonly machine: MachineIdentity
}

/** The newest so many count: what is older was another version of the code. */
const mostCounted = 7

const median = (values: readonly number[]): number => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** The newest times of one sort. */
interface Newest {
  readonly here: StageTime[]
  readonly anywhere: StageTime[]
}

const keep = (times: StageTime[], time: StageTime): void => {
  times.push(time)
  if (times.length > mostCounted) times.shift()
}

const engineKey = ({ engine, device }: TimedHere['engine']): string => `${engine}/${device}`

/** Under which sorts a time is found, the most telling first. An engine's times say nothing of another's. */
const sortsOf = (time: Omit<StageTime, 'work' | 'machine' | 'fingerprint' | 'ms' | 'end' | 'resumes'>): string[] => {
  const on = time.engine ?? '-'
  return [
    // The same stage, reading the same.
    `whole ${on} ${time.whole}`,
    // The same stage, reading something else, or by records that do not say what.
    `params ${on} ${time.params}`,
    // What has its name in its definition, with other parameters.
    `name ${on} ${time.kind} ${time.stage} ${time.definition}`,
    `kind ${on} ${time.kind}`,
  ]
}

export class ExpectedTimes {
  readonly #read: () => readonly StageTime[]
  readonly #here: TimedHere
  #sorts: Map<string, Newest> | undefined

  /** `read` gives all times, oldest first; it is called once, when the first stage is asked for. */
  constructor(read: () => readonly StageTime[], here: TimedHere) {
    this.#read = read
    this.#here = here
  }

  /** The history that the store holds. One that cannot be read is an empty one. */
  static open(store: Store['Service'], here: TimedHere): ExpectedTimes {
    return new ExpectedTimes(() => {
      try {
        return readTimes(store)
      } catch {
        return []
      }
    }, here)
  }

  /** Milliseconds; undefined where nothing like it has run. */
  expectedMs({ node, kind }: TimedStage): number | undefined {
    const sorts = (this.#sorts ??= this.#sort())
    const { definition, engine } = this.#here
    const keys = sortsOf({
      kind: timedKind(node),
      stage: node.name,
      definition,
      params: paramsKey(node),
      whole: wholeKey(node),
      engine: kind.usesEngine ? engineKey(engine) : null,
    })
    const work = workOf(node)
    for (const [at, key] of keys.entries()) {
      const newest = sorts.get(key)
      if (newest === undefined) continue
      const times = newest.here.length > 0 ? newest.here : newest.anywhere
      return Math.round(median(times.map((time) => (at === 0 ? time.ms : time.ms * workRatio(work, time.work)))))
    }
    return undefined
  }

  #sort(): Map<string, Newest> {
    const machine = machineKey(this.#here.machine)
    const sorts = new Map<string, Newest>()
    for (const time of this.#read()) {
      for (const key of sortsOf(time)) {
        let newest = sorts.get(key)
        if (newest === undefined) sorts.set(key, (newest = { here: [], anywhere: [] }))
        keep(newest.anywhere, time)
        if (time.machine === machine) keep(newest.here, time)
      }
    }
    return sorts
  }
}
