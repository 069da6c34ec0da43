/** The distinct stages of an experiment, each with what a report shows of it. */
import * as Effect from 'effect/Effect'
import type { Json, StageNode } from '../dsl/nodes.js'
import { DamagedFile, readStored } from '../results/stored-text.js'
import type { StoreError } from '../runtime/errors.js'
import type { Experiment, ExperimentStage } from '../runtime/plan/experiment.js'
import type { EngineIdentity } from '../runtime/fingerprint.js'
import type { MachineIdentity } from '../runtime/machine.js'
import type { Manifest, Store } from '../runtime/store/store.js'

export interface StageRecord {
  /** Unique in the experiment: `teacher[seed=1]`. */
  readonly name: string
  /** Within its pipeline: `teacher`. */
  readonly role: string
  readonly kind: string
  /** Names of the stages that it reads. */
  readonly reads: readonly string[]
  /** Cells that it serves. */
  readonly cells: readonly string[]
  /** `cached` in the store; `run` or `maybe` where a run would have to make it. */
  readonly status: 'cached' | 'run' | 'maybe'
  readonly params: object
  readonly fingerprint: string | null
  readonly content: string | null
  readonly engine: EngineIdentity | null
  /** The machine, for a stage that measures time. */
  readonly machine: MachineIdentity | null
  readonly made: Manifest['made'] | null
  readonly summary: Readonly<Record<string, Json>>
  /** One record for each epoch of a training stage: `epoch`, `lr`, `loss` and the parts of the loss. */
  readonly history: readonly Readonly<Record<string, number>>[]
}

const parseHistory = (text: string): StageRecord['history'] =>
  text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => JSON.parse(line) as StageRecord['history'][number])

interface Use {
  readonly role: string
  readonly stage: ExperimentStage
  readonly cells: string[]
}

interface ReadStages {
  readonly stages: readonly StageRecord[]
  /** Stages whose artifacts are damaged, and why; their records are those of stages that have not run. */
  readonly damaged: ReadonlyMap<StageNode, string>
}

/** Every stage once, inputs first within each cell, however many cells have it. */
export const readStages = Effect.fnUntraced(function* (
  experiment: Experiment,
): Effect.fn.Return<ReadStages, StoreError, Store> {
  const uses = new Map<StageNode, Use>()
  for (const cell of experiment.cells) {
    for (const [role, stage] of cell.stages) {
      const use = uses.get(stage.node) ?? { role, stage, cells: [] }
      use.cells.push(cell.name)
      uses.set(stage.node, use)
    }
  }
  const damaged = new Map<StageNode, string>()
  const stages = yield* Effect.forEach([...uses.values()], ({ role, stage: { node, planned, ...stage }, cells }) =>
    Effect.map(
      stage.manifest === undefined
        ? Effect.undefined
        : readStored(stage.manifest, 'history.jsonl', parseHistory, `stage ${node.name}`),
      (history): StageRecord => {
        if (history instanceof DamagedFile) damaged.set(node, history.why)
        const manifest = history instanceof DamagedFile ? undefined : stage.manifest
        return {
          name: node.name,
          role,
          kind: node.kind,
          reads: [...new Set(Object.values(node.inputs).map(({ name }) => name))],
          cells,
          status: manifest !== undefined ? 'cached' : history instanceof DamagedFile ? 'run' : planned.status,
          params: node.params,
          fingerprint: manifest?.fingerprint ?? null,
          content: manifest?.content ?? null,
          engine: manifest?.identity.engine ?? null,
          machine: manifest?.identity.machine ?? null,
          made: manifest?.made ?? null,
          summary: manifest?.summary ?? {},
          history: history instanceof DamagedFile ? [] : (history ?? []),
        }
      },
    ),
  )
  return { stages, damaged }
})
