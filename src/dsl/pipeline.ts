/**
 * The builder of pipelines: `pipeline(name).data(…).teacher(…).distill(…).pool().stitch(…).evaluate()`. Every step is
 * immutable and returns a new one; a prefix can be kept and continued in several ways, and what is continued from it
 * shares its very nodes. A step that comes too early neither compiles nor runs (misuse.ts).
 */
import {
  readAnchors,
  readLabelTraining,
  PRETRAINED_OPTIONS,
  type Anchors,
  type PretrainedOptions,
} from './anchor-options.js'
import { DefinitionError } from './definition-error.js'
import { readStudents, type DistillOptions } from './distill-options.js'
import { tooEarly } from './misuse.js'
import { checkName } from './names.js'
import type { AnchorNode, DataNode, DistillNode, PipelineNode, SingleNode, StitchStart, TeacherNode } from './nodes.js'
import { COUNT_OR_ZERO, OptionReader, shown } from './option-reader.js'
import { extend, finish, placed, Step, type Definition } from './pipeline-step.js'
import { PipelineWithStudents } from './pipeline-pool.js'
import { placeOfCall } from './place.js'
import { readSingles, type SingleModels, type SingleOptions } from './single-options.js'
import type { CheckStudents, Students, WidthsOf } from './student-types.js'
import { readTimeouts, type TimeoutOption } from './timeout-options.js'
import { TRAIN_OPTIONS, type TrainOptions } from './train-options.js'
import { vitConfigFor, type VitSpec } from './vit.js'

const isKind = (value: unknown, kind: string): boolean =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind

/** A pipeline that has a name and nothing else yet. */
export class PipelineStart extends Step {
  readonly teacher = tooEarly('teacher')
  readonly distill = tooEarly('distill')
  readonly pool = tooEarly('pool')
  readonly stitch = tooEarly('stitch')
  readonly latency = tooEarly('latency')
  readonly evaluate = tooEarly('evaluate')
  readonly anchors = tooEarly('anchors')
  readonly singles = tooEarly('singles')

  constructor(definition: Definition) {
    super(definition)
    Object.freeze(this)
  }

  protected override with(definition: Definition): this {
    return new PipelineStart(definition) as this
  }

  /** The images: `mnist()`, or `idx({ … })` for a data set of one's own. */
  data(data: DataNode): PipelineWithData {
    if (!isKind(data, 'data')) {
      const message = `data is ${shown(data)}: write .data(mnist()) or .data(idx({ ... }))`
      throw new DefinitionError('wrongType', message, placeOfCall())
    }
    return new PipelineWithData(extend(this.definition, [data]), data)
  }
}

/** Models trained on the labels to be stitched, narrowest first or not; each is a stage of its own. */
const withAnchors = <const A extends Anchors, Taught extends boolean>(
  definition: Definition,
  data: DataNode,
  teacher: TeacherNode | undefined,
  anchors: A,
  shared: TrainOptions,
): PipelineWithStudents<WidthsOf<A>, 'random' | 'leastSquares', Taught> => {
  const place = placeOfCall()
  const nodes = readAnchors(anchors, shared, data.params, definition.seed, place).map(
    ([name, params]) =>
      [name, placed<AnchorNode>({ kind: 'anchor', name: `anchor/${name}`, params, inputs: { data } }, place)] as const,
  )
  const stages = nodes.map(([, node]) => node)
  return new PipelineWithStudents(extend(definition, stages), data, teacher, new Map(nodes))
}

/** Descendants trained one by one; each is a stage of its own, and with them the pipeline ends. */
const withSingles = (
  definition: Definition,
  data: DataNode,
  teacher: TeacherNode | undefined,
  models: SingleModels,
  options: SingleOptions,
): PipelineNode => {
  const place = placeOfCall()
  const inputs = teacher === undefined ? { data } : { data, teacher }
  const nodes = readSingles(models, options, data.params, teacher !== undefined, definition.seed, place).map((params) =>
    placed<SingleNode>({ kind: 'single', name: `single/${params.descendant}`, params, inputs }, place),
  )
  return finish(extend(definition, nodes))
}

/** A pipeline that has its data. */
export class PipelineWithData extends Step {
  readonly #data: DataNode
  readonly distill = tooEarly('distill')
  readonly pool = tooEarly('pool')
  readonly stitch = tooEarly('stitch')
  readonly latency = tooEarly('latency')
  readonly evaluate = tooEarly('evaluate')

  constructor(definition: Definition, data: DataNode) {
    super(definition)
    this.#data = data
    Object.freeze(this)
  }

  protected override with(definition: Definition): this {
    return new PipelineWithData(definition, this.#data) as this
  }

  /** The big model that is trained on the labels and then taught from. */
  teacher<const Width extends number>(
    model: VitSpec<Width>,
    train: TrainOptions & PretrainedOptions,
  ): PipelineWithTeacher<Width> {
    const place = placeOfCall()
    if (!isKind(model, 'vit')) {
      const message = `teacher has ${shown(model)} for its model: write vit({ embedDim, depth, numHeads })`
      throw new DefinitionError('wrongType', message, place)
    }
    const options = new OptionReader(
      [{ path: 'teacher', options: train, known: [...PRETRAINED_OPTIONS, ...TRAIN_OPTIONS] }],
      place,
    )
    const params = {
      model: vitConfigFor(model, this.#data.params, place),
      ...readLabelTraining(options),
      weightStart: model.weightStart,
      seed: this.definition.seed,
    }
    const node: TeacherNode = placed({ kind: 'teacher', name: 'teacher', params, inputs: { data: this.#data } }, place)
    return new PipelineWithTeacher(extend(this.definition, [node]), node)
  }

  /**
   * Models trained on the labels alone, to be stitched as they are: SN-Net's anchors, or students from scratch. Like a
   * distillation, but without a teacher, and without matrices that stitches could start from.
   */
  anchors<const A extends Anchors>(
    anchors: A,
    shared: TrainOptions,
  ): PipelineWithStudents<WidthsOf<A>, 'random' | 'leastSquares', false> {
    return withAnchors(this.definition, this.#data, undefined, anchors, shared)
  }

  /** Descendants of these models trained one by one from random weights: what stitching is measured against. */
  singles(models: SingleModels, options: SingleOptions): PipelineNode {
    return withSingles(this.definition, this.#data, undefined, models, options)
  }
}

/** A pipeline that has a teacher of this width. */
export class PipelineWithTeacher<TeacherWidth extends number = number> extends Step {
  readonly #teacher: TeacherNode
  readonly pool = tooEarly('pool')
  readonly stitch = tooEarly('stitch')
  readonly latency = tooEarly('latency')
  readonly evaluate = tooEarly('evaluate')

  constructor(definition: Definition, teacher: TeacherNode) {
    super(definition)
    this.#teacher = teacher
    Object.freeze(this)
  }

  protected override with(definition: Definition): this {
    return new PipelineWithTeacher(definition, this.#teacher) as this
  }

  /** Students by name, and what they share (docs/method.md, section 2). Each student is a stage of its own. */
  distill<const S extends Students>(
    students: S & CheckStudents<S, TeacherWidth>,
    shared: DistillOptions,
  ): PipelineWithStudents<WidthsOf<S>, StitchStart, true> {
    const place = placeOfCall()
    const teacher = this.#teacher
    const inputs = { data: teacher.inputs.data, teacher }
    const nodes = readStudents(students, shared, teacher.params, place).map(
      ([name, params]) =>
        [name, placed<DistillNode>({ kind: 'distill', name: `distill/${name}`, params, inputs }, place)] as const,
    )
    const stages = nodes.map(([, node]) => node)
    return new PipelineWithStudents(extend(this.definition, stages), teacher.inputs.data, teacher, new Map(nodes))
  }

  /** The same models trained on the labels alone; the teacher still helps to tune what is stitched from them. */
  anchors<const A extends Anchors>(
    anchors: A,
    shared: TrainOptions,
  ): PipelineWithStudents<WidthsOf<A>, 'random' | 'leastSquares', true> {
    return withAnchors(this.definition, this.#teacher.inputs.data, this.#teacher, anchors, shared)
  }

  /** Descendants of these models trained one by one from random weights, taught by the teacher. */
  singles(models: SingleModels, options: SingleOptions): PipelineNode {
    return withSingles(this.definition, this.#teacher.inputs.data, this.#teacher, models, options)
  }
}

export interface PipelineOptions {
  /** Every random draw of training derives from it; default 0. */
  readonly seed?: number
  /**
   * How long a stage may compute, `'2h'`, or by stage: `{ teacher: '6h', distill: '90min' }`. At its limit it is interrupted and
   * fails; the next run goes on from its checkpoint. Nothing is computed again because of it. Default: `--stage-timeout`.
   */
  readonly timeout?: TimeoutOption
}

/**
 * Begins a pipeline. Its name is for people; what is computed does not depend on it. Throws a DefinitionError, as every
 * step does, for what cannot be run.
 */
export const pipeline = (name: string, options: PipelineOptions = {}): PipelineStart => {
  const place = placeOfCall()
  const reader = new OptionReader([{ path: 'pipeline', options, known: ['seed', 'timeout'] }], place)
  return new PipelineStart({
    name: checkName('pipeline: its name', name, place),
    seed: reader.number('seed', COUNT_OR_ZERO, 0),
    place,
    timeouts: readTimeouts(reader),
    stages: [],
    added: [],
  })
}
