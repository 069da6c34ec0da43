/**
 * The builder of pipelines: `pipeline(name).data(…).teacher(…).distill(…).pool().stitch(…).evaluate()`. Every step is
 * immutable and returns a new one; a prefix can be kept and continued in several ways, and what is continued from it
 * shares its very nodes. A step that comes too early neither compiles nor runs (misuse.ts).
 */
import { DefinitionError } from './definition-error.js'
import { readStudents, type DistillOptions } from './distill-options.js'
import { tooEarly } from './misuse.js'
import { checkName } from './names.js'
import type { DataNode, DistillNode, EvaluateNode, PipelineNode, PoolNode, StitchNode, TeacherNode } from './nodes.js'
import { COUNT_OR_ZERO, OptionReader, shown } from './option-reader.js'
import { extend, finish, placed, Step, type Definition } from './pipeline-step.js'
import { placeOfCall } from './place.js'
import { readStitchParams, type StitchOptions } from './stitch-options.js'
import type { CheckName, CheckStudents, CheckTarget, NameOf, Students, Widths, WidthsOf } from './student-types.js'
import { readTrainParams, TRAIN_OPTIONS, type TrainOptions } from './train-options.js'
import { vitConfigFor, type VitSpec } from './vit.js'

const isKind = (value: unknown, kind: string): boolean =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === kind

/** A pipeline that has a name and nothing else yet. */
export class PipelineStart extends Step {
  readonly teacher = tooEarly('teacher')
  readonly distill = tooEarly('distill')
  readonly pool = tooEarly('pool')
  readonly stitch = tooEarly('stitch')
  readonly evaluate = tooEarly('evaluate')

  constructor(definition: Definition) {
    super(definition)
    Object.freeze(this)
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

/** A pipeline that has its data. */
export class PipelineWithData extends Step {
  readonly #data: DataNode
  readonly distill = tooEarly('distill')
  readonly pool = tooEarly('pool')
  readonly stitch = tooEarly('stitch')
  readonly evaluate = tooEarly('evaluate')

  constructor(definition: Definition, data: DataNode) {
    super(definition)
    this.#data = data
    Object.freeze(this)
  }

  /** The big model that is trained on the labels and then taught from. */
  teacher<const Width extends number>(model: VitSpec<Width>, train: TrainOptions): PipelineWithTeacher<Width> {
    const place = placeOfCall()
    if (!isKind(model, 'vit')) {
      const message = `teacher has ${shown(model)} for its model: write vit({ embedDim, depth, numHeads })`
      throw new DefinitionError('wrongType', message, place)
    }
    const options = new OptionReader([{ path: 'teacher', options: train, known: TRAIN_OPTIONS }], place)
    const params = {
      model: vitConfigFor(model, this.#data.params, place),
      train: readTrainParams(options, { batchSize: 64, mayBeZero: false }),
      weightStart: model.weightStart,
      seed: this.definition.seed,
    }
    const node: TeacherNode = placed({ kind: 'teacher', name: 'teacher', params, inputs: { data: this.#data } }, place)
    return new PipelineWithTeacher(extend(this.definition, [node]), node)
  }
}

/** A pipeline that has a teacher of this width. */
export class PipelineWithTeacher<TeacherWidth extends number = number> extends Step {
  readonly #teacher: TeacherNode
  readonly pool = tooEarly('pool')
  readonly stitch = tooEarly('stitch')
  readonly evaluate = tooEarly('evaluate')

  constructor(definition: Definition, teacher: TeacherNode) {
    super(definition)
    this.#teacher = teacher
    Object.freeze(this)
  }

  /** Students by name, and what they share (docs/method.md, section 2). Each student is a stage of its own. */
  distill<const S extends Students>(
    students: S & CheckStudents<S, TeacherWidth>,
    shared: DistillOptions,
  ): PipelineWithStudents<WidthsOf<S>> {
    const place = placeOfCall()
    const teacher = this.#teacher
    const inputs = { data: teacher.inputs.data, teacher }
    const nodes = readStudents(students, shared, teacher.params, place).map(
      ([name, params]) =>
        [name, placed<DistillNode>({ kind: 'distill', name: `distill/${name}`, params, inputs }, place)] as const,
    )
    const stages = nodes.map(([, node]) => node)
    return new PipelineWithStudents(extend(this.definition, stages), teacher, new Map(nodes))
  }
}

/** A pipeline that has students; `W` are their widths by name. */
export class PipelineWithStudents<W extends Widths = Widths> extends Step {
  readonly #teacher: TeacherNode
  readonly #students: ReadonlyMap<string, DistillNode>
  readonly stitch = tooEarly('stitch')
  readonly evaluate = tooEarly('evaluate')

  constructor(definition: Definition, teacher: TeacherNode, students: ReadonlyMap<string, DistillNode>) {
    super(definition)
    this.#teacher = teacher
    this.#students = students
    Object.freeze(this)
  }

  /** All blocks of all students, with the matrices learned in distillation. */
  pool(): PipelineWithPool<W> {
    const narrowestFirst = [...this.#students].sort(
      ([nameA, a], [nameB, b]) =>
        a.params.model.embedDim - b.params.model.embedDim || (nameA < nameB ? -1 : nameA > nameB ? 1 : 0),
    )
    const params = { students: narrowestFirst.map(([name]) => name) }
    const inputs = Object.fromEntries(narrowestFirst)
    const node: PoolNode = placed({ kind: 'pool', name: 'pool', params, inputs }, placeOfCall())
    return new PipelineWithPool(extend(this.definition, [node]), this.#teacher, node)
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

/** A pipeline that has a pool. */
export class PipelineWithPool<W extends Widths = Widths> extends Step {
  readonly #teacher: TeacherNode
  readonly #pool: PoolNode
  readonly evaluate = tooEarly('evaluate')

  constructor(definition: Definition, teacher: TeacherNode, pool: PoolNode) {
    super(definition)
    this.#teacher = teacher
    this.#pool = pool
    Object.freeze(this)
  }

  /**
   * Stitches two students, narrow to wide, and tunes all descendants together, one a step (docs/method.md, sections 3 to 5).
   * `epochs: 0` keeps every weight as it starts.
   */
  stitch<const From extends NameOf<W>, const To extends NameOf<W>>(
    stitch: { readonly from: From & CheckName<W, From>; readonly to: To & CheckTarget<W, From, To> } & StitchOptions,
    train: TrainOptions,
  ): PipelineWithStitch {
    const place = placeOfCall()
    const teacher = this.#teacher
    const students = new Map(Object.entries(this.#pool.inputs).map(([name, node]) => [name, node.params]))
    const pooled = { students, teacherWidth: teacher.params.model.embedDim }
    const params = readStitchParams(stitch, train, pooled, this.definition.seed, place)
    const pool = poolOf(this.#pool, [params.from, params.to])
    const inputs = { data: teacher.inputs.data, teacher, pool }
    const node: StitchNode = placed({ kind: 'stitch', name: 'stitch', params, inputs }, place)
    return new PipelineWithStitch(extend(this.definition, pool === this.#pool ? [node] : [pool, node]), node)
  }
}

/** A pipeline that has its descendants. */
export class PipelineWithStitch extends Step {
  readonly #stitch: StitchNode

  constructor(definition: Definition, stitch: StitchNode) {
    super(definition)
    this.#stitch = stitch
    Object.freeze(this)
  }

  /** Measures every descendant on a whole split, by default the test images, and so ends the pipeline. */
  evaluate(options: { readonly split?: EvaluateNode['params']['split'] } = {}): PipelineNode {
    const place = placeOfCall()
    const reader = new OptionReader([{ path: 'evaluate', options, known: ['split'] }], place)
    const split = reader.choice('split', ['test', 'validation'], 'test')
    const data = this.#stitch.inputs.data
    if (split === 'validation' && data.params.validation === 0) {
      reader.fail('mismatch', 'split', "is 'validation', but the data hold none out: write mnist({ validation: 0.1 })")
    }
    const inputs = { data, stitch: this.#stitch }
    const node: EvaluateNode = placed({ kind: 'evaluate', name: 'evaluate', params: { split }, inputs }, place)
    return finish(extend(this.definition, [node]))
  }
}

export interface PipelineOptions {
  /** Every random draw of training derives from it; default 0. */
  readonly seed?: number
}

/**
 * Begins a pipeline. Its name is for people; what is computed does not depend on it. Throws a DefinitionError, as every
 * step does, for what cannot be run.
 */
export const pipeline = (name: string, options: PipelineOptions = {}): PipelineStart => {
  const place = placeOfCall()
  const reader = new OptionReader([{ path: 'pipeline', options, known: ['seed'] }], place)
  return new PipelineStart({
    name: checkName('pipeline: its name', name, place),
    seed: reader.number('seed', COUNT_OR_ZERO, 0),
    place,
    stages: [],
  })
}
