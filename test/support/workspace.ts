/** A folder as a user has one: files, an installed genepool, a place for a store. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

// Runs inside the test's own process do not share the machine's queue with whatever else runs on it.
process.env['GENEPOOL_LEASES'] ??= join(tmpdir(), `genepool-tests-${process.pid}`)

/** The package under test. */
export const checkout = fileURLToPath(new URL('../..', import.meta.url))

export interface Workspace {
  readonly path: string
  readonly file: (...names: readonly string[]) => string
  /** Writes a file, with the folders that it needs; gives its path. */
  readonly write: (name: string, text: string) => string
}

const makeWorkspace = (): Workspace => {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'genepool-')))
  const file = (...names: readonly string[]): string => join(path, ...names)
  const write = (name: string, text: string): string => {
    mkdirSync(dirname(file(name)), { recursive: true })
    writeFileSync(file(name), text)
    return file(name)
  }
  write('package.json', '{ "type": "module" }\n')
  mkdirSync(file('node_modules'))
  symlinkSync(checkout, file('node_modules', 'genepool'))
  symlinkSync(join(checkout, 'node_modules', 'effect'), file('node_modules', 'effect'))
  return { path, file, write }
}

const lifetime = (begin: typeof before, end: typeof after): Workspace => {
  let current: Workspace | undefined
  const use = (): Workspace => {
    if (current === undefined) throw new Error('a workspace exists only while tests run')
    return current
  }
  begin(() => {
    current = makeWorkspace()
  })
  end(() => rmSync(use().path, { recursive: true, force: true, maxRetries: 3 }))
  return {
    get path() {
      return use().path
    },
    file: (...names) => use().file(...names),
    write: (name, text) => use().write(name, text),
  }
}

/** A fresh workspace for every test of the enclosing `describe`. */
export const workspaceForEach = (): Workspace => lifetime(beforeEach, afterEach)

/** One workspace for all tests of the enclosing `describe`, which then build on each other's store. */
export const workspaceForAll = (): Workspace => lifetime(before, after)
