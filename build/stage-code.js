/**
 * Makes dist/stages/KIND.code.json, the code of each built-in stage for its identity (src/runtime/code/built-code.ts):
 * no run then has to find it in some hundred files. Those that still hold are left.
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { version } from 'esbuild'

const dist = new URL('../dist/', import.meta.url)
const { CodeReader } = await import(new URL('runtime/code/code-reader.js', dist))
const { readBuiltCode, writeBuiltCode } = await import(new URL('runtime/code/built-code.js', dist))
const { stageKinds } = await import(new URL('stages/registry.js', dist))

/** What finds the code: with another version of it nothing is kept. */
const folder = new URL('runtime/code/', dist)
const hash = createHash('sha256').update(version)
for (const name of readdirSync(folder).sort()) {
  if (name.endsWith('.js')) hash.update(readFileSync(new URL(name, folder)))
}
const by = hash.digest('hex')

const reader = new CodeReader(fileURLToPath(new URL('no-store', dist)))
for (const { module, entry } of stageKinds) {
  if (readBuiltCode(module, by) === undefined) writeBuiltCode(module, by, await reader.built(module, entry.export))
}
// esbuild's process would keep this one.
process.exit(0)
