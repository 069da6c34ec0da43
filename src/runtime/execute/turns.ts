/**
 * When a stage may compute: once there is room in its own run (slots), and then on the machine, which it shares with other
 * runs (leases). Whoever holds both waits for nothing but its worker.
 */
import * as Effect from 'effect/Effect'
import * as Semaphore from 'effect/Semaphore'
import type { StageNode } from '../../dsl/nodes.js'
import type { Emit } from '../events.js'
import type { Wants } from './lease-order.js'
import { leaseFolder, leaseTrouble, takeLease, type Lease } from './leases.js'
import type { PreparedStage } from '../plan/prepare.js'
import type { GpuIdentity, ResolvedEngine } from '../services.js'
import { makeSlots, type Slots } from './slots.js'

export interface Turns {
  /** The run's own; what holds one that is not this run's to give, as an earlier run's stage in watch mode, takes it here. */
  readonly slots: Slots
  /** Runs `work` when it is the stage's turn. */
  readonly take: <A, E, R>(
    stage: PreparedStage,
    work: (lease: Lease) => Effect.Effect<A, E, R>,
  ) => Effect.Effect<A, E, R>
}

export interface TurnsOptions {
  readonly jobs: number
  readonly engine: ResolvedEngine
  /** Asked once, when the first stage is about to compute on a GPU. */
  readonly gpu: () => GpuIdentity | undefined
  /** Of stages that wait in this run, the lowest rank goes first. */
  readonly rankOf: (node: StageNode) => number
  readonly run: string
  /** What it runs, for others that wait: the pipeline's name. */
  readonly pipeline: string
  readonly emit: Emit
}

export const makeTurns = (options: TurnsOptions): Turns => {
  const { jobs, engine, rankOf, run, pipeline, emit } = options
  const folder = leaseFolder()
  let known: GpuIdentity | undefined
  const gpu = (): GpuIdentity => (known ??= options.gpu() ?? { id: `${engine.device}:${engine.deviceIndex ?? 0}` })
  // Whether stages fit side by side on a GPU is for the leases to say, which know their sizes.
  const slots = makeSlots(jobs, jobs)
  /** Without a registry this run's own stages still do not share a GPU. */
  const unshared = Semaphore.makeUnsafe(1)
  let troubled = false

  const wantsOf = ({ kind, node }: PreparedStage, threads: number): Wants => {
    if (kind.exclusive === true) return { type: 'machine' }
    if (engine.device === 'cpu' || !kind.usesEngine) return { type: 'cpu', threads }
    const { id, bytes: deviceBytes } = gpu()
    const bytes = kind.gpuBytes?.(node)
    return {
      type: 'gpu',
      device: id,
      ...(bytes === undefined ? {} : { bytes }),
      ...(deviceBytes === undefined ? {} : { deviceBytes }),
    }
  }

  const leased = <A, E, R>(
    stage: PreparedStage,
    threads: number,
    work: (lease: Lease) => Effect.Effect<A, E, R>,
  ): Effect.Effect<A, E, R> => {
    const wants = wantsOf(stage, threads)
    const { name } = stage.node
    const request = {
      wants,
      run,
      what: `${name} of ${pipeline}`,
      jobs,
      onWait: (holder: string, resource: string) => emit({ type: 'stage-waiting', stage: name, holder, resource }),
    }
    const lease = takeLease(folder, request).pipe(
      Effect.map((taken): Lease => ({
        threads: wants.type === 'cpu' ? taken.threads : threads,
        // Cores are free again when the system says so; a GPU's memory when its process is gone.
        worker: wants.type === 'cpu' ? () => {} : taken.worker,
      })),
      Effect.catch((cause) =>
        Effect.gen(function* () {
          if (!troubled) emit({ type: 'warning', message: leaseTrouble(folder, cause) })
          troubled = true
          if (wants.type === 'gpu') yield* Effect.acquireRelease(unshared.take(1), () => unshared.release(1))
          return { threads, worker: () => {} } satisfies Lease
        }),
      ),
    )
    return Effect.scoped(Effect.flatMap(lease, work)) as Effect.Effect<A, E, R>
  }

  return {
    slots,
    take: (stage, work) => {
      const { kind, node } = stage
      const compute = (threads: number) => leased(stage, threads, work)
      if (kind.exclusive === true) return slots.useAlone(compute)
      const onGpu =
        engine.device !== 'cpu' && kind.usesEngine ? `${engine.device}:${engine.deviceIndex ?? 0}` : undefined
      return slots.use(onGpu, compute, rankOf(node), kind.warm === true)
    },
  }
}
