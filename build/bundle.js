/**
 * Makes dist/program.cjs, from which all processes of the program start (src/program/parts.ts). Other programs
 * (`import 'genepool'`), threads and the code identity of stages use the files beside it, one a source.
 */
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { bundleScript } from './script.js'

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
