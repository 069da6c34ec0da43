/** A separate installation of this package in which one dependency is broken; all others are links to the real ones. */
import {
  constants,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { start, type Finished, type Running, type StartOptions } from './child.js'
import { checkout } from './workspace.js'

export interface BrokenInstallation {
  readonly path: string
  /** Folder of ONNX Runtime's binaries for this platform, in the copy. */
  readonly binaries: string
  readonly start: (call: string, options?: Partial<StartOptions>) => Running
  readonly run: (call: string, options?: Partial<StartOptions>) => Promise<Finished>
  readonly remove: () => void
}

const platform = join('bin', 'napi-v6', process.platform, process.arch)
const broken = 'onnxruntime-node'

/** The folder of binaries of the real package. */
export const realBinaries = join(checkout, 'node_modules', broken, platform)

const linkAllBut = (from: string, to: string, left: string): void => {
  mkdirSync(to, { recursive: true })
  for (const name of readdirSync(from)) if (name !== left) symlinkSync(join(from, name), join(to, name))
}

/** Copies: another link would move the ctime of the real ones, by which runs beside this one know them. */
const take = (from: string, to: string): void => {
  for (const name of readdirSync(from)) copyFileSync(join(from, name), join(to, name), constants.COPYFILE_FICLONE)
}

/** Copies what is built, and ONNX Runtime's package; all other packages are links to the real ones. */
export const breakInstallation = (): BrokenInstallation => {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'genepool-broken-')))
  cpSync(join(checkout, 'dist'), join(path, 'dist'), { recursive: true })
  cpSync(join(checkout, 'package.json'), join(path, 'package.json'))
  const modules = join(path, 'node_modules')
  linkAllBut(join(checkout, 'node_modules'), modules, broken)
  symlinkSync(path, join(modules, 'genepool'))
  const copy = join(modules, broken)
  linkAllBut(join(checkout, 'node_modules', broken), copy, 'bin')
  for (const folder of ['dist', 'package.json']) {
    // Not linked: Node would find the binaries beside the real ones.
    rmSync(join(copy, folder))
    cpSync(join(checkout, 'node_modules', broken, folder), join(copy, folder), { recursive: true })
  }
  const binaries = join(copy, platform)
  mkdirSync(binaries, { recursive: true })
  take(realBinaries, binaries)
  writeFileSync(
    join(path, 'one-image.ts'),
    "import { mnist, pipeline } from 'genepool'\nexport default pipeline('one').data(mnist({ take: 1, takeTest: 1 }))\n",
  )
  const startIt: BrokenInstallation['start'] = (call, options = {}) =>
    start([join(path, 'dist', 'cli', 'bin.js'), ...call.split(' ')], {
      cwd: path,
      ...options,
      env: { GENEPOOL_CACHE: join(path, 'cache'), ...options.env },
    })
  return {
    path,
    binaries,
    start: startIt,
    run: (call, options) => startIt(call, options).done,
    remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 3 }),
  }
}
