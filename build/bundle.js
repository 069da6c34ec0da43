/**
 * Makes dist/program.cjs, from which all processes of the program start (src/program/parts.ts). Other programs
 * (`import 'genepool'`), threads and the code identity of stages use the files beside it, one a source.
 */
import { fileURLToPath } from 'node:url'
import { bundleScript } from './script.js'

const dist = fileURLToPath(new URL('../dist/', import.meta.url))
await bundleScript(`${dist}program/parts.js`, `${dist}program.cjs`)
