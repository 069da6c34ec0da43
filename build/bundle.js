/**
 * Makes dist/program.cjs, from which all processes of the program start (src/program/parts.ts). Other programs
 * (`import 'genepool'`), threads and the code identity of stages use the files beside it, one a source.
 *
 * And dist/engine/gradients.cjs, which registers the gradients of TensorFlow.js's core. Only the whole of TensorFlow.js
 * does so by itself: ten times as large, with layers, converters and WebGL that nothing here uses.
 */
import { copyFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { bundleScript } from './script.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = fileURLToPath(new URL('../dist/', import.meta.url))
await bundleScript(`${dist}program/parts.js`, `${dist}program.cjs`)
// What every process loads before that, from one file: Node's loader of ES modules takes milliseconds for each.
await build({
  entryPoints: [fileURLToPath(new URL('../src/base/program-script.ts', import.meta.url))],
  outfile: `${dist}base/program-script.js`,
  allowOverwrite: true,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  sourcemap: true,
})
await build({
  stdin: {
    // Some gradients call operations as methods of tensors.
    contents: ['public/chained_ops/register_all_chained_ops', 'register_all_gradients']
      .map((name) => `import '@tensorflow/tfjs-core/dist/${name}.js'`)
      .join('\n'),
    resolveDir: root,
  },
  outfile: `${dist}engine/gradients.cjs`,
  bundle: true,
  minify: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  // The operations that it brings a second time are the core's: all work on the one engine of the process.
  mainFields: ['module', 'main'],
})
// The page of a demo, which loads ONNX Runtime's own files beside it.
const page = fileURLToPath(new URL('../demo/', import.meta.url))
await build({
  entryPoints: ['page.tsx', 'inference.ts', 'service-worker.ts'].map((name) => `${page}${name}`),
  outdir: `${dist}demo`,
  bundle: true,
  minify: true,
  format: 'esm',
  platform: 'browser',
  target: 'es2022',
  jsx: 'automatic',
  jsxImportSource: 'preact',
  charset: 'utf8',
})
for (const name of ['index.html', 'page.css']) copyFileSync(`${page}${name}`, `${dist}demo/${name}`)
