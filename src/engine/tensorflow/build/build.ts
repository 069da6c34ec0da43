/**
 * Makes the engine `tensorflow` from any TensorFlow library: compiles the addon of `@tensorflow/tfjs-node` against it and
 * keeps addon, library and the package's JavaScript in a cache folder, where `locateTensorflow` finds them.
 */
import * as fs from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { EngineError } from '../../engine.js'
import { addonFile, type BuildManifest, buildsFolder, type LocatedTensorflow, tfjsVersion } from '../locate.js'
import { addonPackage, copyPackage } from './addon-package.js'
import { checkBuild } from './check.js'
import { compileAddon, findCompiler } from './compile.js'
import { fileIdentity } from './file-identity.js'
import { librarySource } from './library-source.js'
import { defaultRelease, downloadWheel, wheelName } from './pip.js'
import { openStaging } from './staging.js'

export interface BuildOptions {
  /** A wheel, an unpacked wheel, an installed `tensorflow` folder, or libtensorflow as folder or `.tar.gz`; default: pip's. */
  readonly from?: string | undefined
  /** Whether pip is asked for the library with GPU code; of `from`, what is assumed where nothing in it says so. */
  readonly gpu: boolean
  /** What pip is asked for, e.g. 2.21.0. */
  readonly release?: string | undefined
  /** Ends the build and leaves nothing of it. */
  readonly signal: AbortSignal
}

export interface BuiltTensorflow {
  readonly folder: string
  readonly manifest: BuildManifest
}

/** Called as a step begins, with what it does. */
export type ReportStep = (step: string) => void

/** Hard links where it can: the library is most of a gigabyte. */
const place = async (from: string, to: string): Promise<void> => {
  const source = await fs.realpath(from)
  await fs.link(source, to).catch(() => fs.copyFile(source, to, fs.constants.COPYFILE_FICLONE))
}

const noSpace = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')

const build = async (options: BuildOptions, report: ReportStep): Promise<BuiltTensorflow> => {
  const { from, gpu, release = defaultRelease, signal } = options
  const version = tfjsVersion()
  if (version === undefined) throw new EngineError('@tensorflow/tfjs is not installed; run npm install')
  if (process.platform === 'win32') {
    throw new EngineError('on Windows this cannot be built; npm install @tensorflow/tfjs-node brings the library')
  }
  const compiler = await findCompiler(signal)
  const staging = await openStaging(buildsFolder())
  try {
    const { work, result } = staging
    if (from === undefined) report(`asking pip for ${wheelName(gpu)} ${release}`)
    const given = from ?? (await downloadWheel(gpu, release, work, signal))
    report(`taking the library out of ${basename(given)}`)
    const source = await librarySource(given, work, signal)
    if (gpu && source.gpu === false) throw new EngineError(`${basename(given)} has no code for NVIDIA GPUs`)
    const libraries = source.libraries.map((file) => join('lib', basename(file)))
    await fs.mkdir(join(result, 'lib'))
    for (const [at, file] of source.libraries.entries()) await place(file, join(result, libraries[at]!))
    // The library looks for CUDA's own libraries there.
    if (source.cudaPackages !== undefined) await fs.symlink(source.cudaPackages, join(result, 'nvidia'))
    report(`taking the addon from @tensorflow/tfjs-node ${version}`)
    const addon = await addonPackage(version, work, signal)
    await copyPackage(addon.folder, join(result, 'package'))
    report(`compiling the addon with ${compiler.version}`)
    await compileAddon(
      {
        compiler,
        source: join(addon.folder, 'binding'),
        include: source.include,
        libraries: libraries.map((file) => join(result, file)),
        output: join(result, addonFile),
        librariesFromOutput: '../lib',
        work,
      },
      signal,
    )
    report('training with it')
    const located: LocatedTensorflow = {
      origin: 'build',
      name: addon.name,
      version,
      folder: join(result, 'package'),
      addon: join(result, addonFile),
      libraries: libraries.map((file) => join(result, file)),
      libtensorflow: undefined,
      gpu: source.gpu ?? gpu,
    }
    const libtensorflow = await checkBuild(located, signal)
    const files: Record<string, { readonly size: number; readonly sha256: string }> = {}
    for (const file of [addonFile, ...libraries]) files[file] = await fileIdentity(join(result, file), signal)
    const manifest: BuildManifest = {
      package: { name: addon.name, version },
      libtensorflow,
      gpu: located.gpu,
      from: from === undefined ? basename(given) : resolve(from),
      platform: `${process.platform}-${process.arch}`,
      compiler: compiler.version,
      builtAt: new Date().toISOString(),
      files,
    }
    await fs.writeFile(join(result, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`)
    signal.throwIfAborted()
    const name = [libtensorflow, ...(located.gpu ? ['gpu'] : []), manifest.platform, `tfjs-${version}`].join('-')
    return { folder: await staging.publish(name), manifest }
  } finally {
    await staging.discard()
  }
}

/** Rejects with an EngineError that says what was wrong and what to do; then nothing is left of the build. */
export const buildTensorflow = async (options: BuildOptions, report: ReportStep): Promise<BuiltTensorflow> => {
  try {
    return await build(options, report)
  } catch (error) {
    if (noSpace(error))
      throw new EngineError(`there is no space left for the build in ${buildsFolder()}`, { cause: error })
    throw error
  }
}
