/**
 * In a worker: the function of a `stage(…)` call, found by importing the definition that makes it, as a stage function.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import { type StageInput, type StageRun, userFunction } from '../../dsl/stage.js'
import { runCompiled } from '../definition/compiled-definition.js'
import { importFile } from '../definition/load.js'
import { abortable } from '../abortable.js'
import { isErrorLike, sentenceOf } from '../../base/errors.js'
import { asStageError, StageError } from '../errors.js'
import type { InputArtifact, StageEntry, StageFunction } from '../stage-contract.js'
import { type Job, markAsWorker } from './job.js'
import { keptFrames } from './thrown-error.js'
import { tracer } from './tracer.js'

/**
 * The files under their own names. Symbolic links: another hard link would move the ctime by which the store knows its
 * bytes.
 */
const linkedFolder = (folder: string, { files, summary }: InputArtifact): StageInput => {
  fs.rmSync(folder, { recursive: true, force: true })
  fs.mkdirSync(folder, { recursive: true })
  for (const [name, file] of Object.entries(files)) {
    const shown = path.join(folder, name)
    fs.mkdirSync(path.dirname(shown), { recursive: true })
    try {
      fs.symlinkSync(file, shown)
    } catch {
      fs.copyFileSync(file, shown)
    }
  }
  return { folder, files, summary }
}

/** By file: a warm process computes many stages of one definition, which is evaluated for the first of them. */
const evaluated = new Map<string, Promise<unknown>>()

/** What it reads counts from where the first of its code runs: what compiles it is no part of it. */
const evaluate = async (file: string): Promise<unknown> => {
  let isCompiled = false
  const compiled = await runCompiled(file, ({ files, loads }) => {
    isCompiled = true
    tracer.install(files, loads ? 'packages' : 'nothing')
  })
  if (isCompiled && compiled !== undefined) return compiled
  return importFile(file, (usesTsconfig) => tracer.install([], 'modules', usesTsconfig))
}

const evaluateOnce = (file: string): Promise<unknown> => {
  const known = evaluated.get(file) ?? evaluate(file)
  evaluated.set(file, known)
  return known
}

/** What its function threw, which may be anything. */
const failed = (thrown: unknown): StageError => {
  if (isErrorLike(thrown)) return asStageError(thrown)
  const hint = 'nobody knows where that was thrown: throw new Error(…), which keeps its place'
  return new StageError({ message: sentenceOf(thrown), hint, cause: thrown })
}

/** Rejects where the file makes no such call. `job` says where its artifact comes to be. */
export const loadUserStage = async (
  file: string,
  { call, place }: Extract<StageEntry, { call: string }>,
  job: Pick<Job, 'outDir' | 'stage' | 'trace'>,
): Promise<StageFunction> => {
  markAsWorker()
  Error.stackTraceLimit = keptFrames
  if (job.trace !== undefined) tracer.begin(job.trace)
  await evaluateOnce(file)
  tracer.loaded()
  const run = userFunction(call, place)
  if (run === undefined) {
    throw new Error(`${file} defines no stage '${call}' when it is imported again: does it depend on where it runs?`)
  }
  return ({ params, inputs, sources, outDir, checkpointDir, engine, progress, savesWhenInterrupted, warn }) =>
    abortable(async (signal) => {
      const folders = path.join(path.dirname(job.outDir), 'inputs')
      const shown = Object.fromEntries(
        Object.entries(inputs).map(([name, input]) => [name, linkedFolder(path.join(folders, name), input)]),
      )
      const { threads, device, deviceIndex } = engine
      const on = deviceIndex === undefined || deviceIndex === 0 ? device : `${device}:${deviceIndex}`
      const wish = { engine: engine.engine, device: on }
      const context: StageRun<object, string, string> = {
        params,
        inputs: shown,
        sources,
        outDir,
        checkpointDir,
        engine: wish as StageRun<object, string, string>['engine'],
        threads,
        signal,
        progress,
        savesWhenInterrupted: (bytes) => {
          if (Number.isFinite(bytes)) savesWhenInterrupted?.(bytes)
        },
        warn: (message) => warn?.(String(message)),
      }
      try {
        return (await run(context as never)) ?? {}
      } finally {
        tracer.flush()
      }
    }).pipe(Effect.mapError(failed))
}
