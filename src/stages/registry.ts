/** The kinds of stages there are. Names modules without importing them: a run that needs no stage loads no tensors. */
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { DataParams, TeacherParams } from '../dsl/nodes.js'
import type { StageKind } from '../runtime/stage-contract.js'
import { dataSources } from './data/data-sources.js'
import { weightSources } from './model/weight-sources.js'

/** Modules beside this one have its extension: `.js` when compiled, `.ts` when run from source. */
const EXTENSION = extname(fileURLToPath(import.meta.url))

const stage = (kind: string, usesEngine: boolean): StageKind => ({
  kind,
  module: fileURLToPath(new URL(`./${kind}${EXTENSION}`, import.meta.url)),
  entry: { export: kind },
  usesEngine,
})

export const stageKinds: readonly StageKind[] = [
  { ...stage('data', false), sources: (params, baseDir) => dataSources(params as DataParams, baseDir) },
  ...['teacher', 'anchor'].map((kind) => ({
    ...stage(kind, true),
    sources: (params: object, baseDir: string) => weightSources(params as TeacherParams, baseDir),
  })),
  stage('distill', true),
  stage('pool', false),
  stage('stitch', true),
  stage('single', true),
  // Times are of one machine, and of one stage at a time.
  { ...stage('latency', true), exclusive: true, onMachine: true },
  stage('evaluate', true),
]
