/** A pool and a teacher of made-up weights, as the stages that train them leave them. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { VitConfig } from '../../src/dsl/vit-config.js'
import type { InputArtifact } from '../../src/runtime/stage-contract.js'
import { writeModel, writeTensors } from '../../src/stages/model/model-files.js'
import { vitTensors } from '../../src/stages/model/vit.js'
import { startLinears, startVit } from '../../src/stages/model/weight-start.js'
import { transformTensors } from '../../src/stages/training/feature-matching.js'
import { artifactOf } from './model-stage-runs.js'

const START = { type: 'xavierUniform', gain: 1 } as const

/** Students under `students/<name>/`; distilled ones bring matrices of both directions at every block. */
export const wavePool = (
  folder: string,
  students: Readonly<Record<string, VitConfig>>,
  teacherWidth: number | null,
): InputArtifact => {
  for (const [name, config] of Object.entries(students)) {
    const own = join(folder, 'students', name)
    const positions = Array.from({ length: config.depth }, (_, block) => block)
    writeModel(own, config, startVit(config, START, 3, name), { role: 'student', positions })
    if (teacherWidth === null) continue
    const tensors = (['att', 'map', 'reverse'] as const).flatMap((transform) =>
      transformTensors(transform, positions.length, config.embedDim, teacherWidth),
    )
    writeTensors(join(own, 'transforms.safetensors'), tensors, startLinears(tensors, 4, name))
  }
  return artifactOf(folder)
}

/** A teacher's artifact. */
export const waveTeacher = (folder: string, config: VitConfig): InputArtifact => {
  mkdirSync(folder, { recursive: true })
  writeModel(folder, config, startVit(config, START, 9, 'teacher'), { role: 'teacher' })
  return artifactOf(folder)
}

/** Values that a whole model stores. */
export const storedValues = (config: VitConfig): number =>
  vitTensors(config).reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0)
