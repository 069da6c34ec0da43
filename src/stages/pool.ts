/** The stage `pool`: the learngene pool, students gathered with their matrices (docs/method.md, section 3). */
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as Schema from 'effect/Schema'
import type { PoolParams } from '../dsl/nodes.js'
import { numTokens } from '../dsl/vit-config.js'
import { sizeOfShape } from '../engine/host-values.js'
import { attempt, StageError } from '../runtime/errors.js'
import type { InputArtifact, StageFunction } from '../runtime/stage-contract.js'
import { describeSafetensors } from './tensors/safetensors.js'

/** One student of the pool, as `pool.json` lists it. */
export interface PooledStudent {
  readonly name: string
  readonly embedDim: number
  readonly depth: number
  readonly numHeads: number
  /** Learngene instances that it brings: its blocks. */
  readonly instances: number
  /** Stored weights. */
  readonly params: number
}

/** `pool.json`: the students, narrowest first, and the number of instances in all. */
export interface PoolIndex {
  readonly students: readonly PooledStudent[]
  readonly instances: number
}

const FILES = ['model.safetensors', 'config.json'] as const
/** A distilled student has them; an anchor has none. */
const TRANSFORMS = 'transforms.safetensors'

/** What two models must have in common before their blocks can meet in one. */
const SHARED: Readonly<Record<string, (config: Student['config']) => unknown>> = {
  imageSize: ({ imageSize }) => imageSize,
  patchSize: ({ patchSize }) => patchSize,
  channels: ({ channels }) => channels,
  numClasses: ({ numClasses }) => numClasses,
  'their number of tokens': numTokens,
  'the mean of their pixels': ({ mean }) => mean?.join(' '),
  'the std of their pixels': ({ std }) => std?.join(' '),
}

const decodeConfig = Schema.decodeUnknownSync(
  Schema.fromJsonString(
    Schema.Struct({
      imageSize: Schema.Number,
      patchSize: Schema.Number,
      channels: Schema.Number,
      numClasses: Schema.Number,
      embedDim: Schema.Number,
      depth: Schema.Number,
      numHeads: Schema.Number,
      mean: Schema.optionalKey(Schema.Array(Schema.Number)),
      std: Schema.optionalKey(Schema.Array(Schema.Number)),
      distillation: Schema.optionalKey(Schema.Literals(['twoHeads', 'oneHead'])),
    }),
  ),
)

interface Student {
  readonly name: string
  readonly files: Readonly<Record<(typeof FILES)[number], string>> & { readonly [TRANSFORMS]?: string }
  readonly config: ReturnType<typeof decodeConfig>
}

const openStudent = (name: string, input: InputArtifact | undefined): Student => {
  const [model, config] = FILES.map((file) => {
    const path = input?.files[file]
    if (path === undefined) throw new StageError({ message: `the student ${name} has no ${file}` })
    return path
  })
  const transforms = input?.files[TRANSFORMS]
  return {
    name,
    files: { 'model.safetensors': model, 'config.json': config, ...(transforms && { [TRANSFORMS]: transforms }) },
    config: decodeConfig(readFileSync(config, 'utf8')),
  }
}

const checkAgreement = ([first, ...others]: readonly Student[]): void => {
  for (const other of others) {
    for (const [what, of] of Object.entries(SHARED)) {
      const [one, another] = [of(first.config), of(other.config)]
      if (one === another) continue
      throw new StageError({
        message: `students of one pool must agree on ${what}: ${first.name} has ${one}, ${other.name} has ${another}`,
      })
    }
  }
}

const describe = ({ name, files, config: { embedDim, depth, numHeads } }: Student): PooledStudent => {
  const { tensors } = describeSafetensors(files['model.safetensors'])
  const params = [...tensors.values()].reduce((count, { shape }) => count + sizeOfShape(shape), 0)
  return { name, embedDim, depth, numHeads, instances: depth, params }
}

/**
 * The stage `pool`: gathers the students, each with its weights, shape and (if it was distilled) matrices, under
 * `students/<name>/`, and lists them in `pool.json` (a PoolIndex). Every input is a student's or an anchor's artifact.
 * A StageError when two of them differ in patches, images or classes.
 */
export const pool: StageFunction<PoolParams> = ({ params, inputs, outDir }) =>
  attempt(() => {
    const students = params.students.map((name) => openStudent(name, inputs[name]))
    checkAgreement(students)
    const listed = students.map(describe)
    const instances = listed.reduce((sum, student) => sum + student.instances, 0)
    for (const { name, files } of students) {
      const folder = join(outDir, 'students', name)
      mkdirSync(folder, { recursive: true })
      for (const [file, path] of Object.entries(files)) copyFileSync(path, join(folder, file))
    }
    const index: PoolIndex = { students: listed, instances }
    writeFileSync(join(outDir, 'pool.json'), `${JSON.stringify(index, null, 2)}\n`)
    return { instances, students: listed.length, params: listed.reduce((sum, student) => sum + student.params, 0) }
  })
