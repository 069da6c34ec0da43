/** `genepool demo`: a page that runs a pool's models in the visitor's browser. */
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { createRequire } from 'node:module'
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import * as Command from 'effect/cli/Command'
import * as Flag from 'effect/cli/Flag'
import { makeFolder } from '../../base/files.js'
import { readResults } from '../../results/experiment-results.js'
import { bytes, plural } from '../../results/format.js'
import { paretoFront } from '../../results/pareto.js'
import { ownPackage } from '../../runtime/definition/own-package.js'
import { UsageError } from '../../runtime/errors.js'
import { experimentOf } from '../../runtime/plan/experiment.js'
import { notStored } from '../../runtime/store/find-store.js'
import { artifactOf, exportFailed, wholeOrNothing } from '../input/exported.js'
import { type FlagsOf, jsonFlag, pipelineArgument, storedFlags, switchFlag, verboseFlag } from '../input/flags.js'
import { inspect, inStore } from '../input/inspect.js'
import { parseTarget } from '../input/target.js'
import { printJson, say, showOnTerminal, warn } from '../output/print.js'
import { serveFolder } from '../output/serve.js'

const demoFlags = {
  pipeline: pipelineArgument,
  ...storedFlags,
  out: Flag.String('out').pipe(Flag.withDescription('Folder to write the page into; made where there is none')),
  serve: switchFlag('serve', 'Then serve the page on this machine alone, until Ctrl-C'),
  port: Flag.Int('port').pipe(Flag.withDescription('Port to serve on; default: 8080'), Flag.withDefault(8080)),
  json: jsonFlag('Print what was written as one line of JSON'),
  verbose: verboseFlag,
}

/** Of the runtime in the browser: one that computes on processors, one on GPUs, each with the program that it loads. */
const runtimeFiles = [
  'ort.wasm.min.mjs',
  'ort-wasm-simd-threaded.mjs',
  'ort-wasm-simd-threaded.wasm',
  'ort.webgpu.min.mjs',
  'ort-wasm-simd-threaded.asyncify.mjs',
  'ort-wasm-simd-threaded.asyncify.wasm',
] as const

/** The folder with these files; a UsageError where the package is not installed, beside the definition or this one. */
const runtimeFolder = Effect.fnUntraced(function* (definition: string): Effect.fn.Return<string, UsageError> {
  for (const from of [definition, ownPackage.manifest]) {
    try {
      return path.dirname(createRequire(path.resolve(from)).resolve('onnxruntime-web/wasm'))
    } catch {
      // Perhaps beside the other.
    }
  }
  return yield* new UsageError({
    message: 'the demo runs models by the npm package onnxruntime-web, which is not installed',
    hint: 'npm install onnxruntime-web',
  })
})

const allFiles = (folder: string): readonly string[] =>
  fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort()

/** Copies the page and the runtime beside the pool; gives the bytes of all files. */
const addPage = (folder: string, runtime: string): number => {
  const page = path.join(path.dirname(ownPackage.manifest), 'dist', 'demo')
  for (const name of fs.readdirSync(page)) fs.copyFileSync(path.join(page, name), path.join(folder, name))
  makeFolder(path.join(folder, 'ort'))
  for (const name of runtimeFiles) fs.copyFileSync(path.join(runtime, name), path.join(folder, 'ort', name))
  const files = allFiles(folder)
  const hash = createHash('sha256')
  for (const file of files) hash.update(`${path.relative(folder, file)}\0`).update(fs.readFileSync(file))
  const index = path.join(folder, 'index.html')
  const version = hash.digest('hex').slice(0, 12)
  fs.writeFileSync(index, fs.readFileSync(index, 'utf8').replace('<html ', `<html data-version="${version}" `))
  return files.reduce((sum, file) => sum + fs.statSync(file).size, 0)
}

const demo = Effect.fnUntraced(function* (flags: FlagsOf<typeof demoFlags>) {
  const { pipeline: target } = flags
  const { graph, prepared, plan, engine } = yield* inspect(flags)
  const [cell, ...others] = graph.cells
  if (others.length > 0) {
    return yield* new UsageError({
      message: `${target} is a suite of ${graph.cells.length} cells; a demo shows one pool`,
      hint: `name a cell: ${target}#${cell!.name}`,
    })
  }
  const node = [...cell!.stages.values()].find(({ kind }) => kind === 'stitch')
  if (node === undefined) {
    return yield* new UsageError({
      message: `${target} has no stitched pool, so there are no models to change between`,
    })
  }
  const runtime = yield* runtimeFolder(parseTarget(target).file)
  const results = yield* readResults(experimentOf(graph, prepared, plan, engine, target))
  warn(results.warnings)
  const front = paretoFront(results.cells[0]!.rows, 'params', 'top1')
  const [first] = front
  if (first === undefined) {
    return yield* notStored({
      message: `no model of ${target} has been measured as it stands`,
      hint: `genepool run ${target}`,
    })
  }
  const model = yield* artifactOf(node, plan.manifests, target)
  const data = yield* artifactOf(node.inputs['data']!, plan.manifests, target)
  const out = path.resolve(flags.out)
  const made = yield* wholeOrNothing(out, (folder) =>
    Effect.tryPromise({
      try: async (signal) => {
        const { exportPool } = await import('../../stages/export/export-pool.js')
        const pool = await exportPool(
          { model: model.input, data: data.input },
          {
            folder,
            title: graph.name,
            models: front,
            split: first.split,
            progress: (done, of) => showOnTerminal(`compared ${done} of ${of} models`),
            signal,
          },
        )
        return { models: pool.models.length, parts: Object.keys(pool.parts).length, bytes: addPage(folder, runtime) }
      },
      catch: exportFailed,
    }).pipe(Effect.ensuring(Effect.sync(() => showOnTerminal('')))),
  )
  if (flags.json) printJson({ out, ...made })
  else {
    const parts = plural(made.parts, 'part')
    say(`${flags.out}  ${plural(made.models, 'model')} of the front, of ${parts} that they share; ${bytes(made.bytes)}`)
  }
  if (flags.serve) return yield* serveFolder(out, flags.port)
  if (!flags.json) say('any web server shows it; here: genepool demo … --serve')
  return undefined
})

export const demoCommand = Command.make('demo', demoFlags).pipe(
  Command.withDescription('Write a page that runs the best models of every size in the browser'),
  Command.withExamples([
    {
      command: 'genepool demo pipelines/quickstart.ts --out demo --serve',
      description: 'The models of the quickstart on http://127.0.0.1:8080/',
    },
  ]),
  Command.withHandler(inStore(demo)),
)
