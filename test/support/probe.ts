/** Stages without tensors through the real runtime: cheap, and able to misbehave in every way (probe-stages.js). */
import { randomUUID } from 'node:crypto'
import { copyFileSync, existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { AxisLabel } from '../../src/dsl/nodes.js'
import type { PlannedStage } from '../../src/runtime/events.js'
import type { PolicyWords } from '../../src/runtime/execute/failure-policy.js'
import type { Reuse } from '../../src/runtime/fingerprint.js'
import { start, type Finished, type Running, type StartOptions } from './child.js'
import { checkout, type Workspace } from './workspace.js'

export interface ProbeStage {
  /** Name of an export of probe-stages.js. */
  readonly kind: string
  readonly params?: object
  /** Input → name of a stage above. */
  readonly reads?: Readonly<Record<string, string>>
}

export interface ProbeOptions {
  readonly name?: string
  /** Version of the numeric library that the engine claims. */
  readonly version?: string
  /** Engine and device that it claims to be; default `cpu` on `cpu`. */
  readonly engine?: string
  readonly device?: string
  readonly deviceIndex?: number
  /** What the device is called, where it has a name. */
  readonly deviceName?: string
  /** Default `same-engine`. */
  readonly reuse?: Reuse
  readonly jobs?: number
  readonly failFast?: boolean
  readonly only?: string
  /** What is done about workers that crash, take too long or too much, or hang. */
  readonly policy?: PolicyWords
  /** Of the pipeline, in milliseconds by stage. */
  readonly timeouts?: Readonly<Record<string, number>>
  /** Whether workers' processes stay for the next stage; default false. */
  readonly warm?: boolean
  /** The GPU that the engine computes on, as all runs call it. A stage's own need is its parameter `gpuBytes`. */
  readonly gpu?: { readonly id: string; readonly bytes?: number }
  /** Folder in the workspace; default `store`. */
  readonly store?: string
}

export type ProbeStages = Readonly<Record<string, ProbeStage>>

type At = Readonly<Record<string, AxisLabel>>

export interface ProbeSuite {
  readonly axes: Readonly<Record<string, readonly AxisLabel[]>>
  readonly seeds: readonly number[]
  readonly cells: readonly { readonly at: At; readonly seed: number; readonly stages: ProbeStages }[]
}

/** Every combination of the axes, once a seed. */
export const probeSuite = (
  axes: ProbeSuite['axes'],
  seeds: readonly number[],
  stages: (at: At, seed: number) => ProbeStages,
): ProbeSuite => {
  const combinations = Object.entries(axes).reduce<readonly At[]>(
    (all, [axis, labels]) => all.flatMap((at) => labels.map((label) => ({ ...at, [axis]: label }))),
    [{}],
  )
  const cells = combinations.flatMap((at) => seeds.map((seed) => ({ at, seed, stages: stages(at, seed) })))
  return { axes, seeds, cells }
}

type Environment = Pick<StartOptions, 'env' | 'timeoutMs'>

const starter = fileURLToPath(new URL('./start-script.js', import.meta.url))
/** Effect as one file (build/bundle-tests.js): a stage loads it sooner than the package's hundred. */
const effect = join(checkout, 'node_modules', '.genepool-tests', 'node_modules', 'effect')

/** The workspace's own copy of the stages, so that a test may edit it. */
const stagesOf = (workspace: Workspace): string => {
  const copy = workspace.file('stages', 'probe-stages.js')
  if (existsSync(copy)) return copy
  mkdirSync(workspace.file('stages', 'node_modules'), { recursive: true })
  copyFileSync(fileURLToPath(new URL('./probe-stages.js', import.meta.url)), copy)
  const linked = workspace.file('stages', 'node_modules', 'effect')
  if (existsSync(effect) && !existsSync(linked)) symlinkSync(effect, linked)
  return copy
}

const startWith = (workspace: Workspace, definition: object, environment: Environment): Running => {
  stagesOf(workspace)
  // In a file: a suite's definition may be longer than a command line.
  const file = workspace.write(`probe-${randomUUID()}.json`, JSON.stringify({ store: 'store', ...definition }))
  return start([starter, 'probe-run', file], { cwd: workspace.path, ...environment })
}

export const startProbe = (
  workspace: Workspace,
  stages: ProbeStages,
  options: ProbeOptions = {},
  environment: Environment = {},
): Running => startWith(workspace, { ...options, stages }, environment)

export const runProbe = (
  workspace: Workspace,
  stages: ProbeStages,
  options: ProbeOptions = {},
  environment: Environment = {},
): Promise<Finished> => startProbe(workspace, stages, options, environment).done

export const runProbeSuite = (workspace: Workspace, suite: ProbeSuite, options: ProbeOptions = {}): Promise<Finished> =>
  startWith(workspace, { ...options, ...suite }, {}).done

/** What a run would do, by stage. */
export const planProbe = async (
  workspace: Workspace,
  stages: ProbeStages | ProbeSuite,
  options: ProbeOptions = {},
): Promise<Readonly<Record<string, PlannedStage>>> => {
  const defined = 'cells' in stages ? stages : { stages }
  const { stdout, stderr } = await startWith(workspace, { ...options, ...defined, plan: true }, {}).done
  const planned = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as PlannedStage)
  if (planned.length === 0) throw new Error(`nothing was planned: ${stderr}`)
  return Object.fromEntries(planned.map((stage) => [stage.stage, stage]))
}
