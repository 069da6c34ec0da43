/**
 * Puts the compiled program into one script, dist/program.cjs: loading Effect from its hundred files takes longer than most
 * runs with nothing to do. Only the command line starts from there; workers, other programs (`import 'genepool'`) and the
 * code identity of stages use the files beside it, one a source.
 *
 * The script is one expression, a function of what a module has and a script has not (src/cli/program-script.ts), behind a
 * line with the hash of its text. A module could not be given the code that the engine has kept of it.
 */
import { createHash } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = `${root}dist${sep}`
const outfile = `${dist}program.cjs`

/** Packages that go into the bundle; all others are loaded when they are needed. */
const bundled = /^(effect|@effect\/[\w-]+)(\/|$)/
const isInside = /[\\/]node_modules[\\/](effect|@effect[\\/][\w-]+)[\\/]/

/** `import()` of what is no file of the program: of a package, or of a name that is computed. Never the word in a text. */
const importElsewhere = /(?<=(?:\bawait|\breturn|[[,(=>]) ?)import\((?!['"]\.|[)$])/g

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
      const contents = readFileSync(path, 'utf8')
        .replaceAll(/\bimport\.meta\.url\b/g, `new URL(${own}, programUrl).href`)
        .replaceAll(importElsewhere, 'programImport(')
      return { contents, loader: 'js' }
    })
  },
}

const { outputFiles } = await build({
  entryPoints: [`${dist}cli/program.js`],
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
  logLevel: 'warning',
  plugins: [program],
})
/** Node's modules are made into modules of the bundle once each, and not anew wherever they are imported. */
const text = outputFiles[0].text.replaceAll(
  /__toESM\(require\(("node:[^"]+")\)((?:, 1)?)\)/g,
  (_, name, mode) => `builtin(${name}${mode})`,
)
const escaped = [...text.matchAll(/(?<![\w'"`.])import\((?!\))/g)].map(({ index }) => text.slice(index, index + 60))
if (escaped.length > 0) throw new Error(`a script cannot import by itself: ${escaped.join('; ')}`)

rmSync(`${dist}program`, { recursive: true, force: true })
writeFileSync(outfile, `//${createHash('sha256').update(text).digest('hex')}\n${text}`)
