/**
 * The builder of pipelines: `pipeline(name).data(…).teacher(…).distill(…).pool().stitch(…).evaluate()`. Every step is
 * immutable and returns a new one; a prefix can be kept and continued in several ways, and what is continued from it
 * shares its very nodes. A step that comes too early neither compiles nor runs (misuse.ts).
 */
import { isObject } from '../base/objects.js'
import { readAnchors, readLabelTraining, type Anchors, type PretrainedOptions } from './anchor-options.js'
import { DefinitionError } from './definition-error.js'
import { mayValidate } from './data.js'
import { readStudents, type DistillOptions } from './distill-options.js'
import {
  tooEarly,
  type CheckAnchors,
  type CheckName,
  type CheckStudents,
  type CheckTarget,
  type NameOf,
  type Students,
  type Widths,
  type WidthsOf,
} from './misuse.js'
import { checkName } from './names.js'
import type {
  AnchorNode,
  DataNode,
  DistillNode,
  EvaluateNode,
  LatencyNode,
  PipelineNode,
  PoolNode,
  SingleNode,
  StitchNode,
  StitchStart,
  TeacherNode,
  TuneLoss,
} from './nodes.js'
import { OptionReader, shown } from './option-reader.js'
import {
  EVALUATE_OPTIONS,
  LATENCY_OPTIONS,
  PIPELINE_OPTIONS,
  PRETRAINED_OPTIONS,
  TRAIN_OPTIONS,
  type STITCHED_OPTIONS,
} from './option-tables.js'
import { namesOf, readOptions, type Options } from './options.js'
import { extend, finish, placed, PipelineStep, readTimeouts, type PipelineDraft } from './pipeline-step.js'
import { placeOfCall } from './place.js'
import { isPretrained, type PretrainedSpec } from './pretrained.js'
import { readSingles, type SingleModels, type SingleOptions } from './single-options.js'
import { readStitchParams, type StitchOptions } from './stitch-options.js'
import type { TrainOptions } from './train-options.js'
import { vitConfigFor, type VitSpec } from './vit.js'

/** What a whole pipeline has in common. */
export interface PipelineOptions extends Options<typeof PIPELINE_OPTIONS> {}

/**
 * Begins a pipeline. Its name is for people; what is computed does not depend on it. Throws a DefinitionError, as every
 * step does, for what cannot be run.
 */
export const pipeline = (name: string, options: PipelineOptions = {}): PipelineStart => {
  const place = placeOfCall()
  const reader = new OptionReader([{ path: 'pipeline', options, known: namesOf(PIPELINE_OPTIONS) }], place)
  checkName('pipeline: its name', name, place)
  const { seed, timeout } = readOptions(PIPELINE_OPTIONS, reader)
  return new PipelineStart({ name, seed, place, timeouts: readTimeouts(reader, timeout), stages: [], added: [] })
}

const isKind = (value: unknown, kind: string): boolean => isObject(value) && value['kind'] === kind

/** A pipeline that has a name and nothing else yet. */
export class PipelineStart extends PipelineStep {
  readonly teacher = tooEarly('teacher')
  readonly distill = tooEarly('distill')
  readonly pool = tooEarly('pool')
  readonly stitch = tooEarly('stitch')
  readonly latency = tooEarly('latency')
  readonly evaluate = tooEarly('evaluate')
  readonly anchors = tooEarly('anchors')
  readonly singles = tooEarly('singles')

  constructor(draft: PipelineDraft) {
    super(draft)
    Object.freeze(this)
  }

  protected override with(draft: PipelineDraft): this {
    return new PipelineStart(draft) as this
  }

  /** The images: `mnist()`, `cifar10(…)` …, or `idx({ … })` for a data set of one's own. */
  data(data: DataNode): PipelineWithData {
    if (!isKind(data, 'data')) {
      const message = `data is ${shown(data)}: write .data(mnist()) or .data(idx({ ... }))`
      throw new DefinitionError('wrongType', message, placeOfCall())
    }
    return new PipelineWithData(extend(this.draft, [data]), data)
  }
}

/** Models trained on the labels to be stitched, in any order; each is a stage of its own. */
const withAnchors = <const A extends Anchors, Taught extends boolean>(
  draft: PipelineDraft,
  data: DataNode,
  teacher: TeacherNode | undefined,
  anchors: A,
  shared: TrainOptions,
): PipelineWithStudents<WidthsOf<A>, 'random' | 'leastSquares', Taught> => {
  const place = placeOfCall()
  const nodes = readAnchors(anchors, shared, data.params, draft.seed, place).map(
    ([name, params]) =>
      [name, placed<AnchorNode>({ kind: 'anchor', name: `anchor/${name}`, params, inputs: { data } }, place)] as const,
  )
  const stages = nodes.map(([, node]) => node)
  return new PipelineWithStudents(extend(draft, stages), data, teacher, new Map(nodes))
}

/** Descendants trained one by one; each is a stage of its own, and with them the pipeline ends. */
const withSingles = (
  draft: PipelineDraft,
  data: DataNode,
  teacher: TeacherNode | undefined,
  models: SingleModels,
  options: SingleOptions,
): PipelineNode => {
  const place = placeOfCall()
  const inputs = teacher === undefined ? { data } : { data, teacher }
  const nodes = readSingles(models, options, data.params, teacher !== undefined, draft.seed, place).map((params) =>
    placed<SingleNode>({ kind: 'single', name: `single/${params.descendant}`, params, inputs }, place),
  )
  return finish(extend(draft, nodes))
}

/** A pipeline that has its data. */
export class PipelineWithData extends PipelineStep {
  readonly #data: DataNode
  readonly distill = tooEarly('distill')
  readonly pool = tooEarly('pool')
  readonly stitch = tooEarly('stitch')
  readonly latency = tooEarly('latency')
  readonly evaluate = tooEarly('evaluate')

  constructor(draft: PipelineDraft, data: DataNode) {
    super(draft)
    this.#data = data
    Object.freeze(this)
  }

  protected override with(draft: PipelineDraft): this {
    return new PipelineWithData(draft, this.#data) as this
  }

  /**
   * The big model that is trained on the labels and then taught from. One of `pretrained(…)` is taken as it is where no
   * `epochs` are written.
   */
  teacher<const Width extends number>(
    model: PretrainedSpec<Width>,
    train?: Partial<TrainOptions>,
  ): PipelineWithTeacher<Width>
  teacher<const Width extends number>(
    model: VitSpec<Width>,
    train: TrainOptions & PretrainedOptions,
  ): PipelineWithTeacher<Width>
  teacher<const Width extends number>(
    model: VitSpec<Width>,
    train?: Partial<TrainOptions> & PretrainedOptions,
  ): PipelineWithTeacher<Width> {
    const place = placeOfCall()
    if (!isKind(model, 'vit')) {
      const message = `teacher has ${shown(model)} for its model: write vit({ embedDim, depth, numHeads }) or pretrained(path, { ... })`
      throw new DefinitionError('wrongType', message, place)
    }
    const own = namesOf(TRAIN_OPTIONS)
    const known = namesOf(PRETRAINED_OPTIONS)
    const layers = isPretrained(model)
      ? [
          { path: 'teacher', options: train, known: own },
          {
            path: 'pretrained',
            options: { weights: model.weights, head: model.head, epochs: 0 },
            known: [...known, 'epochs'],
          },
        ]
      : [{ path: 'teacher', options: train, known: [...known, ...own] }]
    const options = new OptionReader(layers, place)
    const params = {
      model: vitConfigFor(model, this.#data.params, place),
      ...readLabelTraining(options, this.#data.params),
      weightStart: model.weightStart,
      seed: this.draft.seed,
    }
    const node: TeacherNode = placed({ kind: 'teacher', name: 'teacher', params, inputs: { data: this.#data } }, place)
    return new PipelineWithTeacher(extend(this.draft, [node]), node)
  }

  /**
   * Models trained on the labels alone, to be stitched as they are: SN-Net's anchors, or students from scratch. Like a
   * distillation, but without a teacher, and without matrices that stitches could start from.
   */
  anchors<const A extends Anchors>(
    anchors: A & CheckAnchors<A>,
    shared: TrainOptions,
  ): PipelineWithStudents<WidthsOf<A>, 'random' | 'leastSquares', false> {
    return withAnchors(this.draft, this.#data, undefined, anchors, shared)
  }

  /** Descendants of these models trained one by one from random weights: what stitching is measured against. */
  singles(models: SingleModels, options: SingleOptions): PipelineNode {
    return withSingles(this.draft, this.#data, undefined, models, options)
  }
}

/** A pipeline that has a teacher of this width. */
export class PipelineWithTeacher<TeacherWidth extends number = number> extends PipelineStep {
  readonly #teacher: TeacherNode
  readonly pool = tooEarly('pool')
  readonly stitch = tooEarly('stitch')
  readonly latency = tooEarly('latency')
  readonly evaluate = tooEarly('evaluate')

  constructor(draft: PipelineDraft, teacher: TeacherNode) {
    super(draft)
    this.#teacher = teacher
    Object.freeze(this)
  }

  protected override with(draft: PipelineDraft): this {
    return new PipelineWithTeacher(draft, this.#teacher) as this
  }

  /** Students by name, and what they share (docs/method.md, section 2). Each student is a stage of its own. */
  distill<const S extends Students>(
    students: S & CheckStudents<S, TeacherWidth>,
    shared: DistillOptions,
  ): PipelineWithStudents<WidthsOf<S>, StitchStart, true> {
    const place = placeOfCall()
    const teacher = this.#teacher
    const inputs = { data: teacher.inputs.data, teacher }
    const nodes = readStudents(students, shared, teacher, place).map(
      ([name, params]) =>
        [name, placed<DistillNode>({ kind: 'distill', name: `distill/${name}`, params, inputs }, place)] as const,
    )
    const stages = nodes.map(([, node]) => node)
    return new PipelineWithStudents(extend(this.draft, stages), teacher.inputs.data, teacher, new Map(nodes))
  }

  /** The same models trained on the labels alone; the teacher still helps to tune what is stitched from them. */
  anchors<const A extends Anchors>(
    anchors: A & CheckAnchors<A>,
    shared: TrainOptions,
  ): PipelineWithStudents<WidthsOf<A>, 'random' | 'leastSquares', true> {
    return withAnchors(this.draft, this.#teacher.inputs.data, this.#teacher, anchors, shared)
  }

  /** Descendants of these models trained one by one from random weights, taught by the teacher. */
  singles(models: SingleModels, options: SingleOptions): PipelineNode {
    return withSingles(this.draft, this.#teacher.inputs.data, this.#teacher, models, options)
  }
}

type Student = DistillNode | AnchorNode

/**
 * A pipeline that has students or anchors: `W` are their widths by name, `Start` the ways in which stitches between
 * them can start, `Taught` whether there is a teacher.
 */
export class PipelineWithStudents<
  W extends Widths = Widths,
  Start extends StitchStart = StitchStart,
  Taught extends boolean = boolean,
> extends PipelineStep {
  readonly #data: DataNode
  readonly #teacher: TeacherNode | undefined
  readonly #students: ReadonlyMap<string, Student>
  readonly stitch = tooEarly('stitch')
  readonly latency = tooEarly('latency')
  readonly evaluate = tooEarly('evaluate')

  constructor(
    draft: PipelineDraft,
    data: DataNode,
    teacher: TeacherNode | undefined,
    students: ReadonlyMap<string, Student>,
  ) {
    super(draft)
    this.#data = data
    this.#teacher = teacher
    this.#students = students
    Object.freeze(this)
  }

  protected override with(draft: PipelineDraft): this {
    return new PipelineWithStudents(draft, this.#data, this.#teacher, this.#students) as this
  }

  /** All blocks of all students, with the matrices learned in distillation. */
  pool(): PipelineWithPool<W, Start, Taught> {
    const narrowestFirst = [...this.#students].sort(
      ([nameA, a], [nameB, b]) =>
        a.params.model.embedDim - b.params.model.embedDim || (nameA < nameB ? -1 : nameA > nameB ? 1 : 0),
    )
    const params = { students: narrowestFirst.map(([name]) => name) }
    const inputs = Object.fromEntries(narrowestFirst)
    const node: PoolNode = placed({ kind: 'pool', name: 'pool', params, inputs }, placeOfCall())
    return new PipelineWithPool(extend(this.draft, [node]), this.#data, this.#teacher, node)
  }
}

/** The pool of these students alone, so that a stitch does not depend on students that it does not read. */
const poolOf = (pool: PoolNode, names: readonly string[]): PoolNode => {
  const students = pool.params.students.filter((name) => names.includes(name))
  if (students.length === pool.params.students.length) return pool
  const inputs = Object.fromEntries(students.map((name) => [name, pool.inputs[name]!]))
  const name = `pool/${students.join('+')}`
  return placed({ kind: 'pool', name, params: { students }, inputs }, pool.place)
}

/** What `stitch` takes besides how it trains: with the names of these students. */
type StitchCall<
  W extends Widths,
  Start extends StitchStart,
  Taught extends boolean,
  From extends string,
  To extends string,
> = StitchOptions<Start, Taught extends false ? 'none' : TuneLoss> &
  Options<
    typeof STITCHED_OPTIONS,
    {
      readonly from: From & CheckName<W, From>
      readonly to: To & CheckTarget<W, From, To>
      readonly models: readonly (keyof W & string)[]
      readonly pairs: 'nearest' | 'all' | readonly (readonly [from: keyof W & string, to: keyof W & string])[]
    }
  >

/** A pipeline that has a pool. */
export class PipelineWithPool<
  W extends Widths = Widths,
  Start extends StitchStart = StitchStart,
  Taught extends boolean = boolean,
> extends PipelineStep {
  readonly #data: DataNode
  readonly #teacher: TeacherNode | undefined
  readonly #pool: PoolNode
  readonly evaluate = tooEarly('evaluate')
  readonly latency = tooEarly('latency')

  constructor(draft: PipelineDraft, data: DataNode, teacher: TeacherNode | undefined, pool: PoolNode) {
    super(draft)
    this.#data = data
    this.#teacher = teacher
    this.#pool = pool
    Object.freeze(this)
  }

  protected override with(draft: PipelineDraft): this {
    return new PipelineWithPool(draft, this.#data, this.#teacher, this.#pool) as this
  }

  /**
   * Stitches students, narrow to wide, and tunes all descendants together, one a step (docs/method.md, sections 3 to
   * 5): the two of `from` and `to`, else neighbours in width. `epochs: 0` keeps every weight as it starts.
   */
  stitch<const From extends NameOf<W>, const To extends NameOf<W>>(
    stitch: StitchCall<W, Start, Taught, From, To>,
    train: TrainOptions,
  ): PipelineWithStitch {
    const place = placeOfCall()
    const [data, teacher, all] = [this.#data, this.#teacher, this.#pool]
    const models = new Map(
      all.params.students.map((name) => {
        const { kind, params } = all.inputs[name]!
        return [name, { model: params.model, distilled: kind === 'distill' ? params : null }]
      }),
    )
    const pooled = { models, teacherWidth: teacher?.params.model.embedDim ?? null }
    const params = readStitchParams(stitch, train, pooled, data.params, this.draft.seed, place)
    const pool = poolOf(all, params.models)
    const inputs: StitchNode['inputs'] = teacher === undefined ? { data, pool } : { data, pool, teacher }
    const node = placed<StitchNode>({ kind: 'stitch', name: 'stitch', params, inputs }, place)
    return new PipelineWithStitch(extend(this.draft, pool === all ? [node] : [pool, node]), node)
  }
}

/** How forward passes are timed. */
export interface LatencyOptions extends Options<typeof LATENCY_OPTIONS> {}

/** Which images descendants are measured on. */
export interface EvaluateOptions extends Options<typeof EVALUATE_OPTIONS> {}

/** A pipeline that has its descendants. */
export class PipelineWithStitch extends PipelineStep {
  readonly #stitch: StitchNode

  constructor(draft: PipelineDraft, stitch: StitchNode) {
    super(draft)
    this.#stitch = stitch
    Object.freeze(this)
  }

  protected override with(draft: PipelineDraft): this {
    return new PipelineWithStitch(draft, this.#stitch) as this
  }

  /**
   * Times a forward pass of every descendant, alone on the machine: batch 1 and a larger one, the median of several
   * passes after a warm-up. Times hold for one engine, device and machine.
   */
  latency(options: LatencyOptions = {}): PipelineWithStitch {
    const place = placeOfCall()
    const reader = new OptionReader([{ path: 'latency', options, known: namesOf(LATENCY_OPTIONS) }], place)
    const params = readOptions(LATENCY_OPTIONS, reader)
    const inputs = { stitch: this.#stitch }
    const node: LatencyNode = placed({ kind: 'latency', name: 'latency', params, inputs }, place)
    return new PipelineWithStitch(extend(this.draft, [node]), this.#stitch)
  }

  /** Measures every descendant on a whole split, by default the test images, and so ends the pipeline. */
  evaluate(options: EvaluateOptions = {}): PipelineNode {
    const place = placeOfCall()
    const reader = new OptionReader([{ path: 'evaluate', options, known: namesOf(EVALUATE_OPTIONS) }], place)
    const params = readOptions(EVALUATE_OPTIONS, reader)
    const data = this.#stitch.inputs.data
    if (params.split === 'validation' && !mayValidate(data.params)) {
      reader.fail('mismatch', 'split', "is 'validation', but the data hold none out: write mnist({ validation: 0.1 })")
    }
    const inputs = { data, stitch: this.#stitch }
    const node: EvaluateNode = placed({ kind: 'evaluate', name: 'evaluate', params, inputs }, place)
    return finish(extend(this.draft, [node]))
  }
}
