/** The local file that a relative import of a definition means, and every path that had to be looked at to know. */
import * as fs from 'node:fs'
import * as path from 'node:path'

/** Endings under which an import without an ending is looked for. */
const implied = ['.ts', '.tsx', '.mts', '.cts', '.js', '.jsx', '.mjs', '.cjs', '.json']
/** Endings that may stand for a TypeScript source. */
const sources: Readonly<Record<string, readonly string[]>> = {
  '.js': ['.ts', '.tsx'],
  '.jsx': ['.tsx', '.ts'],
  '.mjs': ['.mts'],
  '.cjs': ['.cts'],
}

/** Whether there is one answer, whoever looks: what this program compiles and what Node's loader would take. */
const endings = new Set(['.ts', '.mts', '.js', '.mjs', '.json'])

export interface LocalImport {
  /** Absolute, links followed; undefined where there is none, or more than one that could be meant. */
  readonly file: string | undefined
  /** All that was looked at. */
  readonly candidates: readonly string[]
}

const candidatesOf = (plain: string): readonly string[] => {
  const ending = path.extname(plain)
  const stem = plain.slice(0, plain.length - ending.length)
  const others = endings.has(ending)
    ? (sources[ending] ?? []).map((source) => `${stem}${source}`)
    : [...implied.map((each) => `${plain}${each}`), ...implied.map((each) => path.join(plain, `index${each}`))]
  return [plain, ...others]
}

const isThere = (file: string): boolean => fs.statSync(file, { throwIfNoEntry: false }) !== undefined

export const localImport = (from: string, specifier: string): LocalImport => {
  const candidates = candidatesOf(path.resolve(path.dirname(from), specifier))
  const found = candidates.filter(isThere)
  const [only] = found
  if (only === undefined || found.length > 1) return { file: undefined, candidates }
  const file = fs.realpathSync(only)
  const isPlain = fs.statSync(file).isFile() && endings.has(path.extname(file))
  return { file: isPlain ? file : undefined, candidates }
}
