/**
 * Puts the compiled program into few files, dist/program/: loading Effect from its hundred files takes longer than most
 * runs with nothing to do. Only the command line starts from there; workers, other programs (`import 'genepool'`) and the
 * code identity of stages use the files beside it, one a source.
 */
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const dist = `${root}dist${sep}`

/** Packages that go into the bundle; all others are loaded when they are needed. */
const bundled = /^(effect|@effect\/[\w-]+)(\/|$)/
const isInside = /[\\/]node_modules[\\/](effect|@effect[\\/][\w-]+)[\\/]/

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
      const own = JSON.stringify(`../${relative(dist, path).split(sep).join('/')}`)
      const text = readFileSync(path, 'utf8')
      return {
        contents: text.replaceAll(/\bimport\.meta\.url\b/g, `new URL(${own}, import.meta.url).href`),
        loader: 'js',
      }
    })
  },
}

const outdir = join(dist, 'program')
const { metafile } = await build({
  entryPoints: { main: `${dist}cli/main.js`, api: `${dist}index.js` },
  outdir,
  metafile: true,
  absWorkingDir: root,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  sourcemap: true,
  sourcesContent: false,
  legalComments: 'linked',
  logLevel: 'warning',
  plugins: [program],
})

// Only what an earlier build left goes: at no moment is the program not there.
const written = new Set(Object.keys(metafile.outputs).map((file) => resolve(root, file)))
for (const name of readdirSync(outdir)) if (!written.has(join(outdir, name))) rmSync(join(outdir, name))
