/** All kinds of stages. Their modules are named, not imported: a run that needs no stage loads no tensors. */
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { whyNotExtendable } from '../dsl/extendable.js'
import type { DataParams, StageNode, TeacherParams, TrainParams } from '../dsl/nodes.js'
import type { Extends, StageKind } from '../runtime/stage-contract.js'
import { dataSources, trainingSources, weightSources } from './sources.js'
import { gpuMemory } from './gpu-memory.js'
import { imageWork } from './image-work.js'

/** The extension of this module and those beside it: `.js` when compiled, `.ts` when run from source. */
const EXTENSION = extname(fileURLToPath(import.meta.url))

const stage = (kind: string, usesEngine: boolean): StageKind => ({
  kind,
  module: fileURLToPath(new URL(`./${kind}${EXTENSION}`, import.meta.url)),
  entry: { export: kind },
  usesEngine,
  ...(usesEngine ? { gpuBytes: gpuMemory } : {}),
  work: imageWork,
  foresee: async (node, prospect) => (await import('./foresight.js')).foreseeStage(node, prospect),
})

/** How a stage that trains goes on from a shorter one. */
const byEpochs: Extends = {
  at: 'train.epochs',
  unit: 'epoch',
  refuses: (params) => whyNotExtendable((params as { readonly train: TrainParams }).train),
  follow: ['train.warmupEpochs'],
  every: 'train.milestones',
}
const training = (kind: string): StageKind => ({
  ...stage(kind, true),
  extends: byEpochs,
  sources: (_, baseDir, inputs) => trainingSources(inputs, baseDir),
})

export const stageKinds: readonly StageKind[] = [
  {
    ...stage('data', false),
    sources: (params, baseDir) => dataSources(params as DataParams, baseDir),
    images: async (params, files) => (await import('./data.js')).imageCounts(params as DataParams, files),
  },
  ...['teacher', 'anchor'].map((kind) => ({
    ...training(kind),
    sources: (params: object, baseDir: string, inputs: StageNode['inputs']) => ({
      ...weightSources(params as TeacherParams, baseDir),
      ...trainingSources(inputs, baseDir),
    }),
  })),
  training('distill'),
  stage('pool', false),
  training('stitch'),
  training('single'),
  // Times hold for one machine, and are right only while nothing else computes.
  { ...stage('latency', true), exclusive: true, onMachine: true },
  stage('evaluate', true),
]
