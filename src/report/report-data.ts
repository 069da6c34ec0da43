/** Everything that a report shows, as data; the page embeds it as JSON. */
import * as os from 'node:os'
import * as Effect from 'effect/Effect'
import type { AxisLabel } from '../dsl/nodes.js'
import {
  axesOf,
  groupResults,
  modelResults,
  warningsOf,
  type ExperimentResults,
} from '../results/experiment-results.js'
import { type NamedFigure, namedFigures } from '../results/figures.js'
import { plural } from '../results/format.js'
import type { GroupResult } from '../results/group-results.js'
import { modelJson, type ModelJson, type ModelResult, type ResultJson } from '../results/model-results.js'
import type { StoreError } from '../runtime/errors.js'
import type { Store } from '../runtime/store/store.js'
import { readStages, type StageRecord } from './stage-records.js'
import { storageOf, type StorageItem } from './storage.js'

export interface ReportData {
  readonly genepool: string
  /** When the report was written, ISO 8601, and where. */
  readonly written: { readonly at: string; readonly machine: string; readonly node: string }
  readonly experiment: {
    readonly kind: 'pipeline' | 'suite'
    readonly name: string
    readonly file: string
    /** From the first comment lines of the file. */
    readonly question: string | null
    readonly axes: Readonly<Record<string, readonly AxisLabel[]>>
    readonly seeds: readonly number[]
    readonly cells: number
    readonly engine: string
    readonly device: string
    readonly versions: Readonly<Record<string, string>>
  }
  /** The lines of `genepool results --json`. */
  readonly results: readonly ResultJson[]
  /** Of a pipeline, every figure of every stage, as `genepool results --metric … --json` has them; none for a suite. */
  readonly figures: readonly NamedFigure[]
  /** The lines of `genepool results --models --json`; of a pipeline the same as `results`. */
  readonly models: readonly ModelJson[]
  /** Axis → the lines of `genepool results --by <axis> --json`; none for a pipeline. */
  readonly by: Readonly<Record<string, readonly GroupResult[]>>
  readonly storage: readonly StorageItem[]
  readonly stages: readonly StageRecord[]
}

/** The data of the page, and the results that figures and tables are made of. */
export interface Report {
  readonly data: ReportData
  readonly results: ExperimentResults
  readonly models: readonly ModelResult[]
  readonly groups: readonly GroupResult[]
  /** Sentences about artifacts that were found damaged while the report was made, besides those of `results`. */
  readonly warnings: readonly string[]
}

interface ReportContext {
  readonly version: string
  /** The pipeline file's own text. */
  readonly source: string
  readonly now: Date
}

/** The text after `Question:` in the comment at the top of a pipeline's file, up to the next such keyword. */
export const questionOf = (source: string): string | null => {
  const head = /^(?:\uFEFF?#![^\n]*\n)?((?:[ \t]*\/\/[^\n]*(?:\n|$))+)/.exec(source)?.[1] ?? ''
  const lines = head.split('\n').map((line) => line.replace(/^[ \t]*\/\/ ?/, '').trim())
  const first = lines.findIndex((line) => /^question:/i.test(line))
  if (first < 0) return null
  const after = lines.slice(first + 1)
  const end = after.findIndex((line) => line === '' || /^[A-Z][a-z]+:/.test(line))
  const words = [lines[first].replace(/^question:\s*/i, ''), ...(end < 0 ? after : after.slice(0, end))]
  const question = words.join(' ').trim()
  return question === '' ? null : `${question.charAt(0).toUpperCase()}${question.slice(1)}`
}

const describeMachine = (): string => {
  const cpus = os.cpus()
  const model = cpus[0]?.model.trim().replace(/\s+/g, ' ') ?? 'unknown processor'
  return `${model}, ${plural(cpus.length, 'core')}, ${process.platform}-${process.arch}`
}

/** Reads what a report needs besides the results: the record of every stage. */
export const makeReport = Effect.fnUntraced(function* (
  results: ExperimentResults,
  { version, source, now }: ReportContext,
): Effect.fn.Return<Report, StoreError, Store> {
  const { experiment } = results
  const { kind, name, file, axes, seeds, cells, engine } = experiment
  const models = modelResults(results)
  const groups = groupResults(results)
  const rows = models.map((model) => modelJson(kind, model))
  const figures = kind === 'suite' ? [] : results.cells.flatMap(namedFigures)
  const { stages, damaged } = yield* readStages(experiment)
  const data: ReportData = {
    genepool: version,
    written: { at: now.toISOString(), machine: describeMachine(), node: process.version },
    experiment: {
      kind,
      name,
      file,
      question: questionOf(source),
      axes,
      seeds,
      cells: cells.length,
      engine: engine.engine,
      device: engine.device,
      versions: engine.identity.versions,
    },
    results: kind === 'suite' ? groups : rows.length > 0 ? rows : figures,
    figures,
    models: rows,
    by:
      kind === 'suite' ? Object.fromEntries(axesOf(results).map((axis) => [axis, groupResults(results, [axis])])) : {},
    storage: storageOf(results),
    stages,
  }
  return { data, results, models, groups, warnings: warningsOf(damaged, file) }
})
