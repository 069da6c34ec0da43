/** Stages without tensors through the real runtime: cheap, and able to misbehave in every way (probe-stages.js). */
import { copyFileSync, existsSync, mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { PlannedStage } from '../../src/runtime/events.js'
import type { Reuse } from '../../src/runtime/prepare.js'
import { start, type Finished, type Running, type StartOptions } from './child.js'
import type { Workspace } from './workspace.js'

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
  /** Default `same-engine`. */
  readonly reuse?: Reuse
  readonly jobs?: number
  readonly failFast?: boolean
  readonly only?: string
  /** Folder in the workspace; default `store`. */
  readonly store?: string
}

export type ProbeStages = Readonly<Record<string, ProbeStage>>

type Environment = Pick<StartOptions, 'env' | 'timeoutMs'>

const runner = fileURLToPath(new URL('./probe-run.js', import.meta.url))

/** The workspace's own copy of the stages, so that a test may edit it. */
const stagesOf = (workspace: Workspace): string => {
  const copy = workspace.file('stages', 'probe-stages.js')
  mkdirSync(workspace.file('stages'), { recursive: true })
  if (!existsSync(copy)) copyFileSync(fileURLToPath(new URL('./probe-stages.js', import.meta.url)), copy)
  return copy
}

const startWith = (workspace: Workspace, definition: object, environment: Environment): Running => {
  stagesOf(workspace)
  const argument = JSON.stringify({ store: 'store', ...definition })
  return start([runner, argument], { cwd: workspace.path, ...environment })
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

/** What a run would do, by stage. */
export const planProbe = async (
  workspace: Workspace,
  stages: ProbeStages,
  options: ProbeOptions = {},
): Promise<Readonly<Record<string, PlannedStage>>> => {
  const { stdout, stderr } = await startWith(workspace, { ...options, stages, plan: true }, {}).done
  const planned = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as PlannedStage)
  if (planned.length === 0) throw new Error(`nothing was planned: ${stderr}`)
  return Object.fromEntries(planned.map((stage) => [stage.stage, stage]))
}
