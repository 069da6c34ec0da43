/**
 * The identity of a stage's code: every file that its module reaches through imports, each as the hash of its syntax (so
 * comments and formatting do not count), and the version of every package on the way.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { FileIndex, identityOf } from './file-identity.js'
import type { FileCode } from './parse-code.js'

export interface CodeIdentity {
  /** File, relative to the package that holds the entry module → hash of its syntax. */
  readonly files: Readonly<Record<string, string>>
  readonly packages: Readonly<Record<string, string>>
}

/** The nearest folder at or above `directory` that holds a package.json. */
const packageRoot = (directory: string): string => {
  for (let at = directory; ; at = path.dirname(at)) {
    if (fs.existsSync(path.join(at, 'package.json')) || path.dirname(at) === at) return at
  }
}

/** The local file that an import names: as written, or the TypeScript source of a `.js` name. */
const resolveLocal = (from: string, specifier: string): string | undefined => {
  const plain = path.resolve(path.dirname(from), specifier)
  const candidates = [plain, plain.replace(/\.js$/, '.ts'), `${plain}.ts`, `${plain}.js`, path.join(plain, 'index.ts')]
  return candidates.find((candidate) => fs.statSync(candidate, { throwIfNoEntry: false })?.isFile())
}

const packageName = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')

export class CodeReader {
  readonly #index: FileIndex<FileCode>
  readonly #byModule = new Map<string, CodeIdentity>()
  readonly #reached = new Map<string, readonly string[]>()
  readonly #versions = new Map<string, string>()
  /** Identity of every file as it was when it was hashed: what a finished stage is held against. */
  readonly #seen = new Map<string, string>()

  constructor(indexPath: string) {
    this.#index = new FileIndex(indexPath, '2')
  }

  /** Reads the code reached from a module; loads the parser only where a file has changed. */
  async read(modulePath: string): Promise<CodeIdentity> {
    const known = this.#byModule.get(modulePath)
    if (known !== undefined) return known
    const root = packageRoot(path.dirname(modulePath))
    const files: Record<string, string> = {}
    const packages: Record<string, string> = {}
    const pending = [modulePath]
    const visited = new Set(pending)
    for (let file = pending.pop(); file !== undefined; file = pending.pop()) {
      const code = await this.#fileCode(file)
      files[path.relative(root, file).split(path.sep).join('/')] = code.hash
      for (const specifier of code.imports) {
        if (specifier.startsWith('node:')) continue
        if (specifier.startsWith('.')) {
          const target = resolveLocal(file, specifier)
          if (target === undefined) files[`${specifier} from ${path.relative(root, file)}`] = 'missing'
          else if (!visited.has(target)) {
            visited.add(target)
            pending.push(target)
          }
        } else {
          const name = packageName(specifier)
          packages[name] ??= this.#version(name, path.dirname(file))
        }
      }
    }
    this.#index.save()
    const identity = { files, packages }
    this.#byModule.set(modulePath, identity)
    this.#reached.set(modulePath, [...visited])
    return identity
  }

  /** Every file that a module reaches, itself included; absolute paths. */
  async reached(modulePath: string): Promise<readonly string[]> {
    await this.read(modulePath)
    return this.#reached.get(modulePath) ?? []
  }

  /** The first file reached from a module that is no longer what was hashed, if any. */
  changedSinceRead(modulePath: string): string | undefined {
    return this.#reached.get(modulePath)?.find((file) => identityOf(file) !== this.#seen.get(file))
  }

  async #fileCode(file: string): Promise<FileCode> {
    const identity = identityOf(file)
    if (identity === undefined) throw new Error(`${file} has disappeared while its code was being hashed`)
    this.#seen.set(file, identity)
    const known = this.#index.peek(file)
    if (known !== undefined) return known
    const { parseCode } = await import('./parse-code.js')
    const code = parseCode(file, fs.readFileSync(file, 'utf8'))
    this.#index.remember(file, identity, code)
    return code
  }

  #version(name: string, from: string): string {
    const known = this.#versions.get(name)
    if (known !== undefined) return known
    let version = 'missing'
    for (let at = from; ; at = path.dirname(at)) {
      const manifest = path.join(at, 'node_modules', name, 'package.json')
      if (fs.existsSync(manifest)) {
        version = (JSON.parse(fs.readFileSync(manifest, 'utf8')) as { version: string }).version
        break
      }
      if (path.dirname(at) === at) break
    }
    this.#versions.set(name, version)
    return version
  }
}
