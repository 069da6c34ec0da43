/** The later steps of the builder: what is stitched from students or anchors, and how it is measured. */
import { tooEarly } from './misuse.js'
import { readLatencyParams, type LatencyOptions } from './latency-options.js'
import type {
  AnchorNode,
  DataNode,
  DistillNode,
  EvaluateNode,
  LatencyNode,
  PipelineNode,
  PoolNode,
  StitchNode,
  StitchStart,
  TeacherNode,
  TuneLoss,
} from './nodes.js'
import { OptionReader } from './option-reader.js'
import { extend, finish, placed, Step, type Definition } from './pipeline-step.js'
import { placeOfCall } from './place.js'
import { readStitchParams, type StitchOptions } from './stitch-options.js'
import type { CheckName, CheckTarget, NameOf, Widths } from './student-types.js'
import type { TrainOptions } from './train-options.js'

type Student = DistillNode | AnchorNode

/**
 * A pipeline that has students or anchors: `W` are their widths by name, `Start` the ways in which stitches between them can
 * start, `Taught` whether there is a teacher.
 */
export class PipelineWithStudents<
  W extends Widths = Widths,
  Start extends StitchStart = StitchStart,
  Taught extends boolean = boolean,
> extends Step {
  readonly #data: DataNode
  readonly #teacher: TeacherNode | undefined
  readonly #students: ReadonlyMap<string, Student>
  readonly stitch = tooEarly('stitch')
  readonly latency = tooEarly('latency')
  readonly evaluate = tooEarly('evaluate')

  constructor(
    definition: Definition,
    data: DataNode,
    teacher: TeacherNode | undefined,
    students: ReadonlyMap<string, Student>,
  ) {
    super(definition)
    this.#data = data
    this.#teacher = teacher
    this.#students = students
    Object.freeze(this)
  }

  protected override with(definition: Definition): this {
    return new PipelineWithStudents(definition, this.#data, this.#teacher, this.#students) as this
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
    return new PipelineWithPool(extend(this.definition, [node]), this.#data, this.#teacher, node)
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

/** What `stitch` takes besides how it trains. */
type StitchCall<
  W extends Widths,
  Start extends StitchStart,
  Taught extends boolean,
  From extends string,
  To extends string,
> = StitchOptions<Start, Taught extends false ? 'none' : TuneLoss> & {
  /** The narrower of two students; with `to`, these two alone are stitched. */
  readonly from?: From & CheckName<W, From>
  /** The wider of two students. */
  readonly to?: To & CheckTarget<W, From, To>
  /** Students that are stitched, two or more; default: all of the pool. */
  readonly models?: readonly (keyof W & string)[]
  /** Which of them: neighbours in width (default), every one with every wider one, or these. */
  readonly pairs?: 'nearest' | 'all' | readonly (readonly [from: keyof W & string, to: keyof W & string])[]
}

/** A pipeline that has a pool. */
export class PipelineWithPool<
  W extends Widths = Widths,
  Start extends StitchStart = StitchStart,
  Taught extends boolean = boolean,
> extends Step {
  readonly #data: DataNode
  readonly #teacher: TeacherNode | undefined
  readonly #pool: PoolNode
  readonly evaluate = tooEarly('evaluate')
  readonly latency = tooEarly('latency')

  constructor(definition: Definition, data: DataNode, teacher: TeacherNode | undefined, pool: PoolNode) {
    super(definition)
    this.#data = data
    this.#teacher = teacher
    this.#pool = pool
    Object.freeze(this)
  }

  protected override with(definition: Definition): this {
    return new PipelineWithPool(definition, this.#data, this.#teacher, this.#pool) as this
  }

  /**
   * Stitches students, narrow to wide, and tunes all descendants together, one a step (docs/method.md, sections 3 to 5): the
   * two of `from` and `to`, else neighbours in width. `epochs: 0` keeps every weight as it starts.
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
    const params = readStitchParams(stitch, train, pooled, this.definition.seed, place)
    const pool = poolOf(all, params.models)
    const inputs: StitchNode['inputs'] = teacher === undefined ? { data, pool } : { data, pool, teacher }
    const node = placed<StitchNode>({ kind: 'stitch', name: 'stitch', params, inputs }, place)
    return new PipelineWithStitch(extend(this.definition, pool === all ? [node] : [pool, node]), node)
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

  protected override with(definition: Definition): this {
    return new PipelineWithStitch(definition, this.#stitch) as this
  }

  /**
   * Times a forward pass of every descendant, alone on the machine: batch 1 and a larger one, the median of several passes
   * after a warm-up. Times hold for one engine, device and machine.
   */
  latency(options: LatencyOptions = {}): PipelineWithStitch {
    const place = placeOfCall()
    const params = readLatencyParams(options, place)
    const inputs = { stitch: this.#stitch }
    const node: LatencyNode = placed({ kind: 'latency', name: 'latency', params, inputs }, place)
    return new PipelineWithStitch(extend(this.definition, [node]), this.#stitch)
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
