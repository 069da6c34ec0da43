/**
 * A stage of the user's own: `stage('confusion', { inputs: { model: 'teacher' }, run })`, added to a pipeline by
 * `.add(confusion)` and cached like the built-in ones. The value says what it reads; its function stays here, by name,
 * for the worker process that imports the same file to compute it.
 */
import { isObject } from '../base/objects.js'
import { DefinitionError } from './definition-error.js'
import { checkName, closest } from './names.js'
import { deepFreeze, type Json, type StageNode } from './nodes.js'
import { OptionReader, shown } from './option-reader.js'
import { type Escape, ESCAPES, STAGE_OPTIONS } from './option-tables.js'
import { namesOf, readOptions, type Options } from './options.js'
import { placeOfCall, type Place } from './place.js'

/** One object each time that the call is made: in a loop or in a suite's cells it is made several times. */
interface UserStageCall {
  readonly name: string
  readonly place: Place
}

/** A stage whose function is the user's own: a `stage(…)` call. */
export interface UserStageNode extends StageNode {
  readonly kind: 'stage'
  /** Which call made it: by the name that it gave, at this place. Its code is part of the identity, the name is not. */
  readonly call: UserStageCall
  /** Files from outside the store, role → path; relative ones start at the definition's folder. */
  readonly sources: { readonly [role: string]: string }
  /** Whether it computes with an engine, which then is part of its identity. */
  readonly usesEngine: boolean
  /** Whether its process may serve other such stages after it. Not part of its identity. */
  readonly warm: boolean
  /** What its result does not depend on although it uses it; sorted. */
  readonly trusts: readonly Escape[]
}

/** An artifact as a stage reads it. Never write to its files. */
export interface StageInput {
  /** Folder with the artifact's files under their own names. */
  readonly folder: string
  /** File name inside the artifact (`model.safetensors`) → absolute path. */
  readonly files: { readonly [name: string]: string }
  /** The figures that the stage which made it returned. */
  readonly summary: { readonly [figure: string]: Json }
}

/** How far a stage is: what the run shows. */
export interface StageProgress {
  /** What is going on: `count`, `evaluate`. */
  readonly phase: string
  readonly step: number
  readonly steps: number
  readonly loss?: number
  /** Images handled since the phase began. */
  readonly images?: number
}

/** `cuda:1` is the second NVIDIA GPU. */
type StageDevice = 'cpu' | 'webgpu' | 'cuda' | `cuda:${number}`

/** What a stage's function is given. */
export interface StageRun<Params, Input extends string, Source extends string> {
  readonly params: Params
  readonly inputs: { readonly [name in Input]: StageInput }
  /** Absolute paths of the files that `sources` names. */
  readonly sources: { readonly [role in Source]: string }
  /**
   * Empty folder; every file left here becomes part of the artifact, byte for byte. One at least, unless the stage
   * returns figures.
   */
  readonly outDir: string
  /** Folder that outlives an interruption, for state to go on from; gone once the artifact is stored. */
  readonly checkpointDir: string
  /**
   * What the run computes with: `loadModel(inputs.model.folder, { ...engine, threads })`. Part of the identity with
   * `usesEngine`.
   */
  readonly engine: { readonly engine: 'onnxruntime' | 'tensorflow' | 'cpu'; readonly device: StageDevice }
  /** Share of the machine's cores. Never let a result depend on it. */
  readonly threads: number
  /**
   * Aborted when the run is interrupted: save what `checkpointDir` needs and return or throw, within half a second or
   * the time that `savesWhenInterrupted` has asked for.
   */
  readonly signal: AbortSignal
  /** Says how many bytes it saves when it is interrupted: above 16 MiB it is given the time for them. */
  readonly savesWhenInterrupted: (bytes: number) => void
  /** Shows something that the user should know and that does not stop the stage. */
  readonly warn: (message: string) => void
  /** May be called as often as one likes. */
  readonly progress: (progress: StageProgress) => void
}

/**
 * Figures of the artifact, for tables (`{ accuracy: 0.97 }`): the same whenever the stage is computed, so never a time.
 */
export type StageFigures = { readonly [figure: string]: Json }

/** What a stage of the user's own reads and how it is computed. */
export interface StageOptions<Params, Input extends string, Source extends string> extends Options<
  typeof STAGE_OPTIONS,
  {
    readonly inputs: { readonly [name in Input]: string | UserStage }
    readonly params: Params
    readonly sources: { readonly [role in Source]: string }
    readonly run: (context: StageRun<Params, Input, Source>) => StageFigures | void | Promise<StageFigures | void>
  }
> {}

/** A stage of the user's own, to be added to pipelines. */
export interface UserStage {
  readonly kind: 'userStage'
  readonly name: string
  readonly inputs: { readonly [name: string]: string | UserStage }
  readonly params: object
  readonly sources: { readonly [role: string]: string }
  readonly usesEngine: boolean
  readonly warm: boolean
  readonly trusts: readonly Escape[]
  readonly call: UserStageCall
}

type UserFunction = StageOptions<never, string, string>['run']

/**
 * Name → place of the call → function. Shared by all copies of this package in the process: the user's copy registers a
 * function, the worker's copy calls it.
 */
const registered = (): Map<string, Map<string, UserFunction>> => {
  const key = Symbol.for('genepool/stages')
  const shared = globalThis as unknown as Record<symbol, Map<string, Map<string, UserFunction>> | undefined>
  return (shared[key] ??= new Map())
}

const placeKey = ({ file, line, column }: Place): string => `${file}:${line}:${column}`

const register = (name: string, place: Place, run: UserFunction): void => {
  const calls = registered().get(name) ?? new Map<string, UserFunction>()
  registered().set(name, calls.set(placeKey(place), run))
}

/**
 * The function of the `stage(…)` call of this name at this place, once its module has been imported; where no call has
 * the place, as when a file was loaded in another way, that of the only call of the name.
 */
export const userFunction = (name: string, place: Place): UserFunction | undefined => {
  const calls = registered().get(name)
  const exact = calls?.get(placeKey(place))
  return exact ?? (calls?.size === 1 ? [...calls.values()][0] : undefined)
}

/** Whether `value` is a stage of the user's own. By shape: it may come from another copy of this package. */
const isUserStage = (value: unknown): value is UserStage => isObject(value) && value['kind'] === 'userStage'

/** Refuses what is no stage of the user's own. */
export const checkUserStages = (stages: readonly unknown[], place: Place | undefined): void => {
  const stranger = stages.find((each) => !isUserStage(each))
  if (stranger === undefined && stages.length > 0) return
  const found = stages.length === 0 ? 'nothing' : shown(stranger)
  throw new DefinitionError('wrongType', `add is given ${found}: write .add(stage('name', { inputs, run }))`, place)
}

const readInputs = (name: string, value: unknown, place: Place | undefined): UserStage['inputs'] => {
  if (!isObject(value)) {
    const message = `stage '${name}': inputs is ${shown(value)}: write { model: 'teacher' }`
    throw new DefinitionError('wrongType', message, place)
  }
  for (const [input, from] of Object.entries(value)) {
    checkName(`stage '${name}': the name of an input`, input, place)
    if ((typeof from === 'string' && from !== '') || isUserStage(from)) continue
    const message =
      `stage '${name}': inputs.${input} is ${shown(from)}: write the name of a stage ('teacher'), or ` +
      `another stage(…)`
    throw new DefinitionError('wrongType', message, place)
  }
  return value as UserStage['inputs']
}

const readSources = (name: string, value: unknown, place: Place | undefined): UserStage['sources'] => {
  if (isObject(value) && Object.values(value).every((path) => typeof path === 'string' && path !== '')) {
    return value as UserStage['sources']
  }
  throw new DefinitionError('wrongType', `stage '${name}': sources is ${shown(value)}: write { role: 'path' }`, place)
}

const STAGE_NAMES = namesOf(STAGE_OPTIONS)
const NONE: readonly Escape[] = Object.freeze([])

const readTrusts = (name: string, value: unknown, place: Place | undefined): readonly Escape[] => {
  const isList = Array.isArray(value) && value.every((each) => ESCAPES.includes(each as Escape))
  if (isList) return [...new Set(value as readonly Escape[])].sort()
  const message = `stage '${name}': trusts is ${shown(value)}: write a list of ${ESCAPES.map((each) => `'${each}'`).join(', ')}`
  throw new DefinitionError('wrongType', message, place)
}

/** Defines a stage of one's own. Throws a DefinitionError for what cannot be run. */
export const stage = <
  const Params extends object = Record<never, never>,
  const Input extends string = never,
  const Source extends string = never,
>(
  name: string,
  options: StageOptions<Params, Input, Source>,
): UserStage => {
  const place = placeOfCall() ?? { file: '', line: 0, column: 0 }
  checkName('stage: its name', name, place)
  const reader = new OptionReader([{ path: `stage '${name}'`, options, known: STAGE_NAMES }], place)
  const { run, inputs, sources, usesEngine, warm, trusts, ...read } = readOptions(STAGE_OPTIONS, reader)
  const params = read.params ?? {}
  if (typeof run !== 'function') {
    const message = `stage '${name}': run is ${shown(run)}: write run: async ({ inputs, params, outDir }) => { … }`
    throw new DefinitionError(run === undefined ? 'missing' : 'wrongType', message, place)
  }
  if (!isObject(params)) {
    throw new DefinitionError('wrongType', `stage '${name}': params is ${shown(params)}: write an object`, place)
  }
  register(name, place, run as UserFunction)
  return deepFreeze({
    kind: 'userStage',
    name,
    inputs: readInputs(name, inputs ?? {}, place),
    params,
    sources: readSources(name, sources ?? {}, place),
    usesEngine,
    warm,
    trusts: trusts === undefined ? NONE : readTrusts(name, trusts, place),
    call: { name, place },
  })
}

/** The user's stages with all that they read, each once, in an order in which inputs come first. */
const withInputs = (added: readonly UserStage[], byName: ReadonlyMap<string, UserStage>): readonly UserStage[] => {
  const ordered = new Set<UserStage>()
  const open = new Set<UserStage>()
  const readBy = (each: UserStage): readonly UserStage[] =>
    Object.values(each.inputs).flatMap((from) => (isUserStage(from) ? [from] : (byName.get(from) ?? [])))
  // A stack of its own: a chain of stages may be longer than the call stack.
  const pending: { readonly stage: UserStage; entered: boolean }[] = []
  const visit = (root: UserStage): void => {
    pending.push({ stage: root, entered: false })
    while (pending.length > 0) {
      const top = pending[pending.length - 1]!
      if (ordered.has(top.stage) || top.entered) {
        ordered.add(top.stage)
        open.delete(top.stage)
        pending.pop()
        continue
      }
      top.entered = true
      open.add(top.stage)
      for (const from of [...readBy(top.stage)].reverse()) {
        if (open.has(from)) {
          const message = `the stages '${top.stage.name}' and '${from.name}' need each other's artifacts`
          throw new DefinitionError('mismatch', message, top.stage.call.place)
        }
        if (!ordered.has(from)) pending.push({ stage: from, entered: false })
      }
    }
  }
  for (const each of added) visit(each)
  return [...ordered]
}

const noSuchStage = (stage: UserStage, input: string, name: string, known: readonly string[]): DefinitionError => {
  const meant = closest(name, known)
  const advice = meant === undefined ? `write one of ${known.slice(0, 12).join(', ')}` : `did you mean '${meant}'?`
  const message = `stage '${stage.name}': inputs.${input} is '${name}', and the pipeline has no such stage: ${advice}`
  return new DefinitionError('mismatch', message, stage.call.place)
}

const nodeOf = (stage: UserStage, inputs: Readonly<Record<string, StageNode>>): UserStageNode =>
  deepFreeze({
    kind: 'stage',
    name: stage.name,
    params: stage.params,
    inputs,
    call: stage.call,
    sources: stage.sources,
    usesEngine: stage.usesEngine,
    warm: stage.warm,
    trusts: stage.trusts,
    place: stage.call.place,
  })

/**
 * The pipeline's own stages, then those of the user, each behind what it reads, whether that was added before it or
 * after. Throws a DefinitionError for an input that is no stage.
 */
export const addUserStages = (
  pipeline: string,
  stages: readonly StageNode[],
  added: readonly UserStage[],
): readonly StageNode[] => {
  if (added.length === 0) return stages
  const byName = new Map(added.map((each) => [each.name, each]))
  const nodes = new Map(stages.map((node) => [node.name, node]))
  const nodeOfStage = new Map<UserStage, UserStageNode>()
  for (const each of withInputs(added, byName)) {
    const inputs: Record<string, StageNode> = {}
    for (const [input, from] of Object.entries(each.inputs)) {
      const node = isUserStage(from) ? nodeOfStage.get(from) : nodes.get(from)
      if (node === undefined) throw noSuchStage(each, input, String(from), [...nodes.keys()])
      inputs[input] = node
    }
    const node = nodeOf(each, inputs)
    if (nodes.has(node.name)) {
      const message = `pipeline '${pipeline}' has two stages called '${node.name}': write another name`
      throw new DefinitionError('duplicateName', message, each.call.place)
    }
    nodeOfStage.set(each, node)
    nodes.set(node.name, node)
  }
  return [...stages, ...nodeOfStage.values()]
}
