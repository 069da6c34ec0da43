/** `genepool export`: one model for other programs, measured on the file that is written. */
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import * as Command from 'effect/cli/Command'
import * as Flag from 'effect/cli/Flag'
import { spelled } from '../../dsl/names.js'
import type { Json, StageNode } from '../../dsl/nodes.js'
import type { CellResults, CellRow } from '../../results/cell-results.js'
import { readResults } from '../../results/experiment-results.js'
import { bytes, lossText, milliseconds, percent, plural } from '../../results/format.js'
import { hasModels } from '../../results/figures.js'
import { stageCalled } from '../../runtime/definition/find-stage.js'
import { version } from '../../runtime/definition/own-package.js'
import { UsageError } from '../../runtime/errors.js'
import { experimentOf } from '../../runtime/plan/experiment.js'
import { notStored } from '../../runtime/store/find-store.js'
import type { Manifest, Store } from '../../runtime/store/store.js'
import type { MeasuredExport } from '../../stages/export/export-model.js'
import { budgetFlags, pickUnder, readBudgets } from '../input/budgets.js'
import { allFiles, artifactOf, bytesOfFiles, exportFailed, wholeOrNothing, writePool } from '../input/exported.js'
import {
  type FlagsOf,
  jsonFlag,
  pipelineArgument,
  stageArgument,
  storedFlags,
  switchFlag,
  textFlag,
  verboseFlag,
} from '../input/flags.js'
import { inspect, inStore } from '../input/inspect.js'
import { printJson, say, shellWord, showOnTerminal, warn } from '../output/print.js'

const exportFlags = {
  pipeline: pipelineArgument,
  stage: stageArgument,
  ...storedFlags,
  descendant: textFlag('descendant', "A model of the stitched pool, by its id or name: 6, 'tiny[0..1]->base[2..5]'"),
  ...budgetFlags,
  pool: switchFlag('pool', 'All measured models of the stitched pool, in parts that they share, for openPool'),
  format: Flag.Literals('format', ['onnx', 'safetensors']).pipe(
    Flag.withDescription(
      'onnx (the default): one file that any runtime runs; safetensors: weights for timm or PyTorch',
    ),
    Flag.withDefault('onnx'),
  ),
  precision: Flag.Literals('precision', ['fp32', 'fp16', 'int8']).pipe(
    Flag.withDescription(
      'In what an ONNX file keeps its matrices: fp32 (the default), fp16 (half the bytes), int8 (about a quarter; faster where products are large)',
    ),
    Flag.withDefault('fp32'),
  ),
  out: Flag.String('out').pipe(Flag.withDescription('Folder to write into; made where there is none')),
  json: jsonFlag('Print what was written and measured as one line of JSON'),
  verbose: verboseFlag,
}
type ExportFlags = FlagsOf<typeof exportFlags>

/** Kinds of stages that leave one model, or several that are stitched. */
const modelKinds: ReadonlySet<string> = new Set(['teacher', 'anchor', 'distill', 'stitch', 'single'])

/** A stage and, of a pool, which of its models. */
interface Chosen {
  readonly node: StageNode
  readonly descendant?: string
  /** What was measured of it. */
  readonly row?: CellRow
}

/** The stage that holds a measured model: the stitched pool, or the single model's own. */
const holderOf = (stages: readonly StageNode[], manifests: ReadonlyMap<StageNode, Manifest>, { source }: CellRow) =>
  stages.find((node) => manifests.get(node)?.fingerprint === source) ?? stages.find(({ kind }) => kind === 'stitch')

const choose = Effect.fnUntraced(function* (
  flags: ExportFlags,
  { graph, prepared, plan, engine }: Effect.Success<ReturnType<typeof inspect>>,
): Effect.fn.Return<Chosen, UsageError | Effect.Error<ReturnType<typeof readResults>>, Store> {
  const { pipeline: target, descendant } = flags
  if (graph.cells.length > 1) {
    return yield* new UsageError({
      message: `${target} is a suite of ${graph.cells.length} cells; one model is exported`,
      hint: `name a cell, ${target}#${graph.cells[0]!.name}; genepool pick ${target} says which has the best model`,
    })
  }
  const named = flags.stage === undefined ? undefined : yield* stageCalled(graph, flags.stage)
  if (named !== undefined && !modelKinds.has(named.kind)) {
    return yield* new UsageError({
      message: `stage '${named.name}' leaves no model (it is of the kind ${named.kind})`,
      hint: 'name a teacher, a student, a stitched pool or a single model; genepool plan lists the stages',
    })
  }
  const budgets = yield* readBudgets(flags)
  if (descendant !== undefined && budgets.length > 0) {
    return yield* new UsageError({ message: '--descendant names the model, so there is nothing to choose by budgets' })
  }
  const results = yield* readResults(experimentOf(graph, prepared, plan, engine, target))
  warn(results.warnings)
  const { rows }: CellResults = results.cells[0]!
  if (named !== undefined && named.kind !== 'stitch') {
    const row = rows.find(({ source }) => source === plan.manifests.get(named)?.fingerprint)
    if (budgets.length > 0 || (descendant !== undefined && row === undefined)) {
      return yield* new UsageError({ message: `stage '${named.name}' holds one model: there is nothing to choose` })
    }
    return { node: named, ...(row && { row }), ...(descendant !== undefined && { descendant }) }
  }
  const holders = [...graph.cells[0]!.stages.values()].filter(({ kind }) => kind === 'stitch' || kind === 'single')
  const [first] = holders
  if (first === undefined) {
    return yield* new UsageError({
      message: `${target} stitches no models`,
      hint: `name the stage whose model is meant: genepool export ${target} teacher --out ${shellWord(flags.out)}`,
    })
  }
  if (descendant !== undefined) {
    const row = rows.find(({ id, name }) => name === spelled(descendant) || String(id) === descendant)
    // Where it was not measured, the pool itself says whether it has such a model.
    return { node: (row && holderOf(holders, plan.manifests, row)) ?? first, descendant, ...(row && { row }) }
  }
  if (budgets.length === 0 && flags.stage === undefined && holders.length === 1 && first.kind === 'single') {
    return { node: first }
  }
  if (budgets.length === 0) {
    return yield* new UsageError({
      message: `which model of ${target}?`,
      hint: '--descendant ID or NAME (genepool results lists them), or budgets: --max-params, --max-macs, --max-latency',
    })
  }
  if (!hasModels(results.cells)) {
    return yield* notStored({
      message: `no model of ${target} has been measured as it stands, so none can be chosen by budgets`,
      hint: `genepool run ${target}`,
    })
  }
  const { best } = (yield* pickUnder(results, budgets, flags)).picked
  const row = rows.find(({ id, name }) => id === best.id && name === best.name)!
  return { node: holderOf(holders, plan.manifests, row) ?? first, descendant: String(best.id), row }
})

/** What the file says of where it comes from: nothing that differs between two machines with the same store. */
const provenanceOf = (
  pipeline: string,
  cell: string,
  { fingerprint, stage }: Manifest,
  row: CellRow | undefined,
): Readonly<Record<string, Json>> => ({
  genepool: version,
  pipeline,
  ...(cell !== '' && { cell }),
  stage,
  fingerprint,
  ...(row && { measured: { split: row.split, top1: row.top1, top5: row.top5, loss: row.loss } }),
})

const describe = (out: string, name: string, measured: MeasuredExport, row: CellRow | undefined): string => {
  const { files, images, split, top1, loss, medianMs, largestDifference } = measured
  const table = row === undefined ? '' : ` (${percent(row.top1)} in the table)`
  return [
    ...Object.entries(files).map(([file, each]) => `${path.join(out, file)}  ${bytes(each.bytes)}`),
    `${name}: top-1 ${percent(top1)}${table}, loss ${lossText(loss)} on all ${images} ${split} images`,
    `${milliseconds(medianMs)} an image on one thread; logits within ${largestDifference.toExponential(1)} of the model's`,
  ].join('\n')
}

const exportWholePool = Effect.fnUntraced(function* (flags: ExportFlags) {
  const { stage, descendant, format, precision } = flags
  const wrong = [
    ...(stage !== undefined || descendant !== undefined || (yield* readBudgets(flags)).length > 0
      ? ['--pool writes every measured model of the pool, so no stage, --descendant or budget chooses one']
      : []),
    ...(format !== 'onnx' ? [`--pool writes parts in ONNX, not --format ${format}`] : []),
    ...(precision !== 'fp32' ? [`--pool writes parts in fp32, not --precision ${precision}`] : []),
  ]
  if (wrong.length > 0) return yield* new UsageError({ message: wrong.join('; ') })
  const made = yield* writePool(
    flags,
    'an export by --pool',
    (rows) => rows,
    (folder) => bytesOfFiles(allFiles(folder)),
  )
  if (flags.json) return printJson({ out: path.resolve(flags.out), ...made })
  return say(
    `${flags.out}  ${plural(made.models, 'model')} of ${plural(made.parts, 'part')} that they share; ${bytes(made.bytes)}\n` +
      `pool.json is the table of them; openPool(${JSON.stringify(flags.out)}) switches between them`,
  )
})

const exportOne = Effect.fnUntraced(function* (flags: ExportFlags) {
  if (flags.pool) return yield* exportWholePool(flags)
  if (flags.format !== 'onnx' && flags.precision !== 'fp32') {
    return yield* new UsageError({ message: `--precision ${flags.precision} is for --format onnx alone` })
  }
  const found = yield* inspect(flags)
  const { graph, plan } = found
  const { node, descendant, row } = yield* choose(flags, found)
  const model = yield* artifactOf(node, plan.manifests, flags.pipeline)
  const data = yield* artifactOf(node.inputs['data']!, plan.manifests, flags.pipeline)
  const provenance = provenanceOf(graph.name, graph.cells[0]!.name, model.manifest, row)
  const out = path.resolve(flags.out)
  const { name, measured } = yield* wholeOrNothing(out, (folder) =>
    Effect.tryPromise({
      try: async (signal) => {
        const { exportStored } = await import('../../stages/export/export-model.js')
        return exportStored(
          { model: model.input, data: data.input, called: `stage '${node.name}'`, ...(descendant && { descendant }) },
          {
            format: flags.format,
            precision: flags.precision,
            folder,
            split: row?.split ?? 'test',
            provenance,
            progress: (done, of) => showOnTerminal(`measured on ${done} of ${of} images`),
            signal,
          },
        )
      },
      catch: exportFailed,
    }).pipe(Effect.ensuring(Effect.sync(() => showOnTerminal('')))),
  )
  if (flags.json) return printJson({ out, stage: node.name, model: name, provenance, ...measured })
  return say(describe(flags.out, name ?? node.name, measured, row))
})

export const exportCommand = Command.make('export', exportFlags).pipe(
  Command.withDescription(
    'Write one model as an ONNX file or as weights for PyTorch, or a whole pool, and check what was written',
  ),
  Command.withExamples([
    {
      command: "genepool export pipelines/quickstart.ts --descendant 'tiny[0..1]->base[2..5]' --out small",
      description: 'One stitched model as small/model.onnx',
    },
    {
      command: 'genepool export pipelines/quickstart.ts --max-params 150k --format safetensors --out small',
      description: 'The best model that is no larger, as weights',
    },
    {
      command: 'genepool export pipelines/quickstart.ts distill/base --out base',
      description: 'The model that a stage left',
    },
    {
      command: 'genepool export pipelines/quickstart.ts --pool --out pool',
      description: 'The whole pool once, to switch between its models at run time',
    },
  ]),
  Command.withHandler(inStore(exportOne)),
)
