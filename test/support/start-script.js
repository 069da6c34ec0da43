// Runs a program of the tests: `start-script.js NAME ARGUMENT…`. From the one script that `npm test` makes of it
// (build/bundle-tests.js) where there is one of this build, else as it is.
import { readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { KeptCode } from '../../dist/base/kept-code.js'

const name = process.argv[2]
const program = new URL(`./${name}.js`, import.meta.url)
const dist = new URL('../../dist/program.cjs', import.meta.url)
const script = fileURLToPath(new URL(`../../node_modules/.genepool-tests/${name}.cjs`, import.meta.url))
process.argv.splice(1, 2, fileURLToPath(program))

const madeAt = (file) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0

if (madeAt(script) > Math.max(madeAt(program), madeAt(dist))) {
  const bytes = readFileSync(script)
  const run = new KeptCode(script, name).script(script, bytes.toString('latin1'), bytes).runInThisContext()
  run({ exports: {} }, createRequire(dist), dist.href, (specifier) => import(specifier))
} else await import(program.href)
