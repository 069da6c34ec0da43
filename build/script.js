/**
 * Puts the compiled program into one script, dist/program.cjs: loading Effect from its hundred files takes longer than
 * most runs with nothing to do, and than most stages of a user's own. All processes of the program start from there
 * (src/program/parts.ts); other programs (`import 'genepool'`), threads and the code identity of stages use the files
 * beside it, one a source.
 *
 * The script is one expression, a function of what a module has and a script has not (src/base/program-script.ts). A
 * module could not be given the code that the engine has kept of it.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { ts } from 'ts-morph'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = `${root}dist${sep}`

/** Packages that go into the bundle; all others are loaded when they are needed. */
const bundled = /^(effect|@effect\/[\w-]+|onnx-proto|protobufjs|@protobufjs\/[\w-]+)(\/|$)/
const isInside = /[\\/]node_modules[\\/](effect|@effect[\\/][\w-]+|onnx-proto|protobufjs|@protobufjs[\\/][\w-]+)[\\/]/

/**
 * The text with some of its expressions replaced; `replacement` gives a node's, or undefined.
 * @param {string} text
 * @param {(node: ts.Node) => string | undefined} replacement
 */
const withReplaced = (text, replacement) => {
  const parts = []
  let end = 0
  const visit = (/** @type {ts.Node} */ node) => {
    const instead = replacement(node)
    if (instead === undefined) return ts.forEachChild(node, visit)
    parts.push(text.slice(end, node.getStart()), instead)
    end = node.getEnd()
    return undefined
  }
  visit(ts.createSourceFile('module.js', text, ts.ScriptTarget.Latest, true, ts.ScriptKind.JS))
  return [...parts, text.slice(end)].join('')
}

/** @param {ts.Node} node */
const isMetaUrl = (node) =>
  ts.isPropertyAccessExpression(node) && ts.isMetaProperty(node.expression) && node.name.text === 'url'

/**
 * The `import` of a call for what is no file of the program: of a package, or of a name that is computed.
 * @param {ts.Node} node
 */
const isImportElsewhere = (node) => {
  const call = node.parent
  if (node.kind !== ts.SyntaxKind.ImportKeyword || !ts.isCallExpression(call)) return false
  const [specifier] = call.arguments
  return !ts.isStringLiteral(specifier) || !specifier.text.startsWith('.')
}

const program = {
  name: 'program',
  /** @param {import('esbuild').PluginBuild} setup */
  setup: ({ onLoad, onResolve }) => {
    onResolve({ filter: /^[^./]/ }, ({ path, importer }) =>
      path.startsWith('node:') || (!bundled.test(path) && !isInside.test(importer))
        ? { path, external: true }
        : undefined,
    )
    // A file's own address stays what it is: workers and package.json are looked for beside it.
    onLoad({ filter: /\.js$/ }, ({ path }) => {
      if (!path.startsWith(dist)) return undefined
      const own = JSON.stringify(`./${relative(dist, path).split(sep).join('/')}`)
      const contents = withReplaced(readFileSync(path, 'utf8'), (node) => {
        if (isMetaUrl(node)) return `new URL(${own}, programUrl).href`
        return isImportElsewhere(node) ? 'programImport' : undefined
      })
      return { contents, loader: 'js' }
    })
  },
}

/**
 * @param {string} entry a compiled module
 * @param {string} outfile
 */
export const bundleScript = async (entry, outfile) => {
  const {
    outputFiles: [map, script],
  } = await build({
    entryPoints: [entry],
    outfile,
    write: false,
    absWorkingDir: root,
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    banner: {
      js: `(function (module, require, programUrl, programImport) {
  const builtins = new Map()
  const builtin = (name, mode) => {
    const known = builtins.get(name + mode)
    if (known !== undefined) return known
    const made = __toESM(require(name), mode)
    builtins.set(name + mode, made)
    return made
  }`,
    },
    footer: { js: '})' },
    legalComments: 'inline',
    // Lines are right; a column may be some letters off where the text is changed below.
    sourcemap: 'external',
    sourcesContent: false,
    logLevel: 'warning',
    plugins: [program],
  })
  /** What is not in the bundle is made into a module of it once, and not anew wherever it is imported. */
  const text = script.text.replaceAll(
    /__toESM\(require\(("[^"]+")\)((?:, 1)?)\)/g,
    (_, name, mode) => `builtin(${name}${mode})`,
  )
  withReplaced(text, (node) => {
    const isImport = node.kind === ts.SyntaxKind.ImportKeyword || ts.isMetaProperty(node)
    if (isImport) throw new Error(`a script has nothing of a module's: ${node.parent.getText().slice(0, 80)}`)
    return undefined
  })
  // Letters in regular expressions are left as they are by the compiler.
  const ascii = text.replaceAll(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)

  writeFileSync(`${outfile}.map`, map.contents)
  // At no moment is the program not there, or half of it.
  writeFileSync(`${outfile}.tmp`, ascii)
  renameSync(`${outfile}.tmp`, outfile)
}
