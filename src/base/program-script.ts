/** Runs a part of the program's script, dist/program.cjs, with the code that is kept of it. */
import * as fs from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { KeptCode } from './kept-code.js'

/** What the script is a function of: what modules have and scripts have not. It sets `module.exports`. */
type Script = (
  module: { exports: unknown },
  require: (specifier: string) => unknown,
  programUrl: string,
  programImport: (specifier: string) => unknown,
) => void

interface Program {
  readonly parts: Readonly<Record<string, () => Promise<unknown>>>
}

const runScript = (url: URL, use: string): Program => {
  const filename = fileURLToPath(url)
  const bytes = fs.readFileSync(filename)
  const kept = new KeptCode(filename, use)
  // All of it is ASCII.
  const run = kept.script(filename, bytes.toString('latin1'), bytes).runInThisContext() as Script
  const module: { exports: unknown } = { exports: {} }
  const require = createRequire(url)
  run(
    module,
    (specifier) => kept.requiring(() => require(specifier) as unknown),
    url.href,
    (specifier) => import(specifier),
  )
  return module.exports as Program
}

/**
 * Begins a part of the program, of its script where there is one: compiled and not bundled, `files` does the same.
 * `use` says which of the part's uses this process is.
 */
export const runPart = async (part: string, use: string | undefined, files: () => Promise<unknown>): Promise<void> => {
  const bundled = new URL('../program.cjs', import.meta.url)
  if (!fs.existsSync(bundled)) return void (await files())
  const named = use !== undefined && /^[a-z]{1,16}$/.test(use) ? `${part}-${use}` : `${part}-other`
  await runScript(bundled, named).parts[part]!()
}
