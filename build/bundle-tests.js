/**
 * Makes of the programs that tests start most often one script each, and of Effect, which their stages import, one
 * file: in node_modules, so that it is a package. Tests that find none of this build use the programs as they are.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { bundleScript } from './script.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const out = `${root}node_modules/.genepool-tests/`
const effect = `${out}node_modules/effect/`
mkdirSync(effect, { recursive: true })

const { name, version } = JSON.parse(readFileSync(`${root}node_modules/effect/package.json`, 'utf8'))
const exports = { './Effect': './Effect.js' }
writeFileSync(`${effect}package.json`, JSON.stringify({ name, version, type: 'module', exports }))
await build({
  stdin: { contents: "export * from 'effect/Effect'", resolveDir: root },
  outfile: `${effect}Effect.js`,
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
})
for (const program of ['probe-run', 'fill-store']) {
  await bundleScript(`${root}test/support/${program}.js`, `${out}${program}.cjs`)
}
