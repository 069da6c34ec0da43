/**
 * All code that an entry reaches, and all that acts when it is loaded, as one flat program: esbuild's tree shaker
 * decides what that is. Comments, types and formatting are gone, names are those of one scope. What is written in a
 * package that is installed stays outside.
 */
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { SourceMap, type SourceMapPayload } from 'node:module'
import * as path from 'node:path'
import type { ts } from 'ts-morph'
import type { BuildOptions, Loader, Metafile, OnLoadResult, Plugin, TransformOptions } from 'esbuild'
import { isRefused } from '../definition/compiler.js'
import type { FilesSeen } from './files-seen.js'
import { isCode, literalFiles, opaqueMark, spaces } from './literal-files.js'
import type { ReachedPackage } from './built-code.js'
import type { Packages } from './packages.js'
import type { ImportKind, Resolved } from './resolve-import.js'
import { boundNames, typescript } from './typescript.js'

const missingOf = (specifier: string, from: string): string => `missing '${specifier}' in ${path.posix.basename(from)}`

/** Name of the flat program's only export. */
export const entryName = 'genepoolEntry'

export interface FlatProgram {
  /** Before what comes of a file stands a comment: `// code:LABEL` or `// bytes:LABEL`. */
  readonly text: string
  /** To places in the files; a source is a label. */
  readonly map: SourceMap
  /** Packages that it imports; those that these need in turn are left out. */
  readonly packages: readonly ReachedPackage[]
  /** Specifiers of what is outside. */
  readonly outside: ReadonlySet<string>
  /** Label → its code, erased. */
  readonly code: ReadonlyMap<string, string>
  /** Label → the labels that it imports, in order. */
  readonly imports: ReadonlyMap<string, readonly string[]>
  /** Labels of files that are CommonJS by what their package says. */
  readonly commonJs: readonly string[]
  /** What imports put behind a file's name, which the module reads as `import.meta.url`. */
  readonly queries: readonly string[]
  /** Where the entry begins. */
  readonly first: string
}

/** Names of files that say nothing of where they lie on this machine, and the files. */
export class Labels {
  readonly #packages: Packages
  readonly #seen: FilesSeen
  readonly #root: string
  readonly #labels = new Map<string, string>()
  readonly #files = new Map<string, string>()

  /** Names are relative to the package that `file` is in. */
  constructor(packages: Packages, seen: FilesSeen, file: string) {
    this.#packages = packages
    this.#seen = seen
    this.#root = packages.rootOf(path.dirname(file), seen) ?? path.dirname(file)
  }

  of(file: string): string {
    const known = this.#labels.get(file)
    if (known !== undefined) return known
    const below = (root: string): string => path.relative(root, file).split(path.sep).join('/')
    let label = below(this.#root)
    if (label.startsWith('../')) {
      const root = this.#packages.rootOf(path.dirname(file), this.#seen)
      const name = root === undefined ? undefined : this.#packages.manifest(root, this.#seen)?.name
      if (root !== undefined && name !== undefined) label = `${name}/${below(root)}`
    }
    while (this.#files.has(label)) label += '#'
    this.#labels.set(file, label)
    this.#files.set(label, file)
    return label
  }

  /** Label → absolute path. */
  get files(): ReadonlyMap<string, string> {
    return this.#files
  }
}

const loaderOf = (file: string): Loader => {
  const [, kind] = /\.[cm]?((?:ts|js)x?)$/.exec(file)!
  return kind as Loader
}

/** Whether a file's name leaves open whether it is an ES module. */
const isNeutral = (file: string): boolean => /\.[jt]sx?$/.test(file)

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex')

/** A module that is no ES module, so that any name may be imported of it. */
const value = (contents: string): OnLoadResult => ({
  contents: `module.exports = ${JSON.stringify(contents)}`,
  loader: 'js',
})

/** Calls of `effect` that only wrap a function that is written there: the one package that is vouched for here. */
const wrapping = /\bEffect\.(?:fn|fnUntraced)\((?=function|\([\w$, ]*\) =>|"[^"\\]*"\)\()/g
const importsEffect = /\bEffect\b[^;\n]* from "effect(?:\/Effect)?"/

const vouched = (code: string): string =>
  importsEffect.test(code) ? code.replace(wrapping, '/* @__PURE__ */ $&') : code

/** Of an exported `var` that is declared twice, as merged enums are, the tree shaker loses both: exported apart. */
const exportedApart = (code: string): string => {
  if (!/^export var /m.test(code) || !/^var /m.test(code)) return code
  const ts = typescript()
  const { statements } = ts.createSourceFile('erased.js', code, ts.ScriptTarget.Latest)
  const exported = statements.filter(
    (each): each is ts.VariableStatement =>
      ts.isVariableStatement(each) &&
      each.modifiers !== undefined &&
      (each.declarationList.flags & ts.NodeFlags.BlockScoped) === 0,
  )
  const names = exported
    .flatMap(({ declarationList }) => declarationList.declarations)
    .flatMap(({ name }) => boundNames(name))
  const without = exported.reduceRight(
    (text, { modifiers, declarationList }) => text.slice(0, modifiers!.pos) + text.slice(declarationList.pos),
    code,
  )
  return `${without}\nexport { ${[...new Set(names.map(({ text }) => text))].join(', ')} }`
}

/**
 * Minified, calls of functions with nothing in them are left out, even where a default value of theirs acts: whether
 * there may be one.
 */
const losesCalls = (minified: string): boolean =>
  /^\s*(export )?function [^\s(]+\([^)]*=/m.test(minified) && /\) \{\n\s*\}/.test(minified)

/**
 * A file's code without types, comments and what a formatter or a compiler's `minify` changes, of its own. Annotations
 * that declare calls free of effects are not believed. Code that does not parse is its bytes, and what it leads to is
 * not known.
 */
const erase = async (file: string, label: string, text: string): Promise<OnLoadResult> => {
  const options: TransformOptions = {
    loader: loaderOf(file),
    sourcefile: label,
    sourcemap: 'inline',
    sourcesContent: false,
    minifySyntax: true,
    ignoreAnnotations: true,
    legalComments: 'none',
    charset: 'utf8',
    target: 'esnext',
    tsconfigRaw: '{}',
    logLevel: 'silent',
  }
  const { transform } = await import('esbuild')
  try {
    const minified = await transform(text, options)
    const { code } = losesCalls(minified.code) ? await transform(text, { ...options, minifySyntax: false }) : minified
    return { contents: exportedApart(vouched(code)), loader: 'js' }
  } catch (cause) {
    if (!isRefused(cause)) throw cause
    const mark = `${opaqueMark}('code that does not parse', 1, 1)`
    return { contents: `module.exports = [${mark}, ${JSON.stringify(sha256(text))}]`, loader: 'js' }
  }
}

/** Files as they stand in the flat program, by their text: several stages of a run reach the same. */
export class ErasedFiles {
  readonly #known = new Map<string, Promise<OnLoadResult>>()

  of(file: string, label: string, text: string): Promise<OnLoadResult> {
    const key = `${label}\0${text}`
    const known = this.#known.get(key) ?? erase(file, label, text)
    this.#known.set(key, known)
    return known
  }
}

interface FlattenOptions {
  /** ES module that exports `genepoolEntry`; absolute paths are its specifiers. */
  readonly entry: string
  /** Of files whose text is another here than on disk. */
  readonly rewritten: ReadonlyMap<string, string>
  readonly labels: Labels
  /** What an import in a file means. */
  readonly resolve: (from: string, specifier: string, kind: ImportKind) => Resolved
  /** Whether what an import in a file means may act when it is loaded. */
  readonly mayAct: (from: string, specifier: string) => boolean
  /** The text of a file. */
  readonly read: (file: string) => string
  /** Whether a file's package says that it is an ES module. */
  readonly isModule: (file: string) => boolean
  /** sha256 of a file's bytes: of one that is no code, and may be large. */
  readonly hash: (file: string) => string
  readonly erased: ErasedFiles
  /** Whether the stage's process writes down what else it reads and loads. */
  readonly isTraced: boolean
}

const reader = (
  { labels, resolve, mayAct, read, hash, rewritten, erased, isTraced }: FlattenOptions,
  packages: Map<string, ReachedPackage>,
  code: Map<string, string>,
  queries: Set<string>,
): Plugin => ({
  name: 'genepool-code',
  setup: (build) => {
    const files = (label: string): string => labels.files.get(label)!
    build.onResolve({ filter: /.*/ }, ({ path: written, importer, kind, namespace }) => {
      const isBytes = written.startsWith(`${spaces.bytes}:`)
      const specifier = isBytes ? written.slice(spaces.bytes.length + 1) : written
      if (namespace !== spaces.code) {
        return { path: labels.of(fs.realpathSync(specifier)), namespace: spaces.code, sideEffects: true }
      }
      const from = files(importer)
      const resolved = resolve(from, specifier, kind.startsWith('require') ? 'require' : 'import')
      const acts = mayAct(from, specifier)
      if (resolved.type === 'file') {
        const [query] = /[?#].*$/.exec(specifier) ?? []
        if (query !== undefined) queries.add(`${importer} of ${labels.of(resolved.file)}${query}`)
        const isOfBytes = isBytes && !isCode(resolved.file)
        const namespace = isOfBytes ? spaces.bytes : spaces.code
        return { path: labels.of(resolved.file), namespace, sideEffects: acts }
      }
      if (resolved.type === 'package') {
        const { name, directory } = resolved.package
        const key = `${specifier}\0${directory}`
        // Files are read side by side: whichever comes first, the same one is named.
        const known = packages.get(key)
        if (known === undefined || from < known.from) packages.set(key, { name, from })
      }
      const outside = resolved.type === 'missing' ? missingOf(specifier, importer) : specifier
      return { path: outside, external: true, sideEffects: acts }
    })
    const bytes = (file: string): OnLoadResult => value(hash(file))
    build.onLoad({ filter: /.*/, namespace: spaces.bytes }, ({ path: label }) => bytes(files(label)))
    build.onLoad({ filter: /.*/, namespace: spaces.code }, async ({ path: label }) => {
      const file = files(label)
      if (file.endsWith('.json')) return { contents: read(file), loader: 'json' }
      if (!isCode(file)) return bytes(file)
      const text = read(file)
      const found = await erased.of(file, label, literalFiles(file, rewritten.get(file) ?? text, isTraced))
      code.set(label, found.contents as string)
      return found
    })
  },
})

const importsOf = ({ inputs }: Metafile): FlatProgram['imports'] => {
  const labelOf = (input: string): string => input.slice(input.indexOf(':') + 1)
  return new Map(
    Object.entries(inputs).map(([input, { imports }]) => [
      labelOf(input),
      imports.filter(({ external }) => external !== true).map(({ path: to }) => labelOf(to)),
    ]),
  )
}

/** Rejects with what `isRefused` where the program is none: a name that nothing exports, JSON that does not parse. */
export const flatten = async (options: FlattenOptions): Promise<FlatProgram> => {
  const packages = new Map<string, ReachedPackage>()
  const code = new Map<string, string>()
  const queries = new Set<string>()
  const how = {
    stdin: { contents: options.entry, sourcefile: 'entry', loader: 'js' },
    plugins: [reader(options, packages, code, queries)],
    bundle: true,
    write: false,
    metafile: true,
    outfile: '/flat.js',
    format: 'esm',
    platform: 'node',
    treeShaking: true,
    charset: 'utf8',
    legalComments: 'none',
    logLevel: 'silent',
    target: 'esnext',
    tsconfigRaw: '{}',
    sourcemap: 'external',
    sourcesContent: false,
  } satisfies BuildOptions
  const { build } = await import('esbuild')
  const { outputFiles, metafile } = await build(how)
  const [map, text] = [true, false].map(
    (isMap) => outputFiles.find(({ path: name }) => name.endsWith('.map') === isMap)!.text,
  )
  const outside = new Set(Object.values(metafile.outputs).flatMap(({ imports }) => imports.map((each) => each.path)))
  const imports = importsOf(metafile)
  return {
    text: text!,
    map: new SourceMap(JSON.parse(map!) as SourceMapPayload),
    packages: [...packages]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([key, found]) => (outside.has(key.split('\0')[0]!) ? [found] : [])),
    outside,
    code,
    imports,
    commonJs: [...code.keys()]
      .filter((label) => isNeutral(label) && !options.isModule(options.labels.files.get(label)!))
      .sort(),
    queries: [...queries].sort(),
    first: imports.get('entry')?.[0] ?? '',
  }
}
