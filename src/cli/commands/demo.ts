/** `genepool demo`: a page that runs a pool's models in the visitor's browser. */
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { createRequire } from 'node:module'
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import * as Command from 'effect/cli/Command'
import * as Flag from 'effect/cli/Flag'
import { makeFolder } from '../../base/files.js'
import { bytes, plural } from '../../results/format.js'
import { paretoFront } from '../../results/pareto.js'
import { ownPackage } from '../../runtime/definition/own-package.js'
import { UsageError } from '../../runtime/errors.js'
import { allFiles, bytesOfFiles, writePool } from '../input/exported.js'
import { type FlagsOf, jsonFlag, pipelineArgument, storedFlags, switchFlag, verboseFlag } from '../input/flags.js'
import { inStore } from '../input/inspect.js'
import { parseTarget } from '../input/target.js'
import { printJson, say } from '../output/print.js'
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
  return bytesOfFiles(files)
}

const demo = Effect.fnUntraced(function* (flags: FlagsOf<typeof demoFlags>) {
  const runtime = yield* runtimeFolder(parseTarget(flags.pipeline).file)
  const out = path.resolve(flags.out)
  const made = yield* writePool(
    flags,
    'a demo',
    (rows) => paretoFront(rows, 'params', 'top1'),
    (folder) => addPage(folder, runtime),
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
