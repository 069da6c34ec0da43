/**
 * Makes the engine `tensorflow` from any TensorFlow library: compiles the addon of `@tensorflow/tfjs-node` against it
 * and keeps addon, library and the package's JavaScript in a cache folder, where `locateTensorflow` finds them.
 */
import { createHash } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import * as fs from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { runChild } from '../../../base/own-program.js'
import { lastLine } from '../../../base/program.js'
import { EngineError } from '../../engine.js'
import {
  addonFile,
  type BuildManifest,
  buildsFolder,
  installedPackage,
  type LocatedTensorflow,
  tfjsVersion,
} from '../../installed.js'
import { openBuildFolder } from './build-folder.js'
import { compileAddon, findCompiler } from './compile.js'
import { defaultRelease, downloadWheel, fetchPackage, wheelName } from './fetch.js'
import { librarySource } from './library-source.js'

const addonPackageName = '@tensorflow/tfjs-node'

/** Folder of the package that has the addon's C++ and its JavaScript: the installed one of this version, else npm's. */
const addonPackage = async (version: string, work: string, signal: AbortSignal): Promise<string> => {
  const installed = installedPackage(addonPackageName)
  if (installed?.version === version && existsSync(join(installed.folder, 'binding', 'tfjs_binding.cc'))) {
    return installed.folder
  }
  return await fetchPackage(addonPackageName, version, work, signal)
}

/** Copies what is loaded of the package: its JavaScript and what names it. */
const copyPackage = async (from: string, to: string): Promise<void> => {
  await fs.mkdir(join(to, 'dist'), { recursive: true })
  for (const file of ['package.json', 'LICENSE']) {
    if (existsSync(join(from, file))) await fs.copyFile(join(from, file), join(to, file))
  }
  for (const file of ['nodejs_kernel_backend.js', 'register_all_kernels.js', 'int64_tensors.js', 'kernels']) {
    await fs.cp(join(from, 'dist', file), join(to, 'dist', file), {
      recursive: true,
      filter: (path) => !/(?:\.d\.ts|_test\.js)$/.test(path),
    })
  }
}

/** A file's bytes and SHA-256. */
const fileIdentity = async (
  file: string,
  signal: AbortSignal,
): Promise<{ readonly size: number; readonly sha256: string }> => {
  const hash = createHash('sha256')
  let size = 0
  const source = createReadStream(file)
  source.on('data', (chunk) => {
    size += chunk.length
  })
  await pipeline(source, hash, { signal })
  return { size, sha256: hash.digest('hex') }
}

export type CheckAnswer =
  { readonly type: 'works'; readonly libtensorflow: string } | { readonly type: 'failed'; readonly message: string }

const timeoutMs = 120_000

const reasonOf = (message: string): string => {
  const [, symbol] = /undefined symbol: (\w+)/.exec(message) ?? []
  if (symbol !== undefined) return `the library lacks ${symbol}: it is no TensorFlow that this addon fits`
  const [, version] = /version `(GLIBC\w*_[\d.]+)' not found/.exec(message) ?? []
  if (version !== undefined) return `the library needs a newer system (${version})`
  return message.replace(/;[^;]*genepool engine build.*$/, '')
}

/**
 * Trains with a new build in a process of its own, since a library that does not fit may crash or hang. Resolves to the
 * library's version; rejects with an EngineError where the build does not train as it should.
 */
const checkBuild = async (located: LocatedTensorflow, signal: AbortSignal): Promise<string> => {
  const answers: CheckAnswer[] = []
  const end = await runChild({
    beside: import.meta.url,
    script: 'check-main',
    argument: located,
    timeoutMs,
    signal,
    onAnswer: (answer) => answers.push(answer as CheckAnswer),
  })
  const answer = answers.at(-1)
  if (answer?.type === 'works') return answer.libtensorflow
  const how = end.timedOut
    ? `it did not answer within ${timeoutMs / 1_000} s`
    : answer === undefined
      ? `its process ended with ${end.signal ?? `code ${end.code}`}: ${lastLine(end.said)}`
      : reasonOf(answer.message)
  throw new EngineError(`the build was made but does not work: ${how}`)
}

interface BuildOptions {
  /** A wheel, packed or not, an installed `tensorflow` folder or libtensorflow (or its `.tar.gz`); default: pip's. */
  readonly from?: string | undefined
  /** Whether pip is asked for the library with GPU code; of `from`, what is assumed where nothing in it says so. */
  readonly gpu: boolean
  /** What pip is asked for, e.g. 2.21.0. */
  readonly release?: string | undefined
  /** Ends the build and leaves nothing of it. */
  readonly signal: AbortSignal
}

interface BuiltTensorflow {
  readonly folder: string
  readonly manifest: BuildManifest
}

/** Called as a step begins, with what it does. */
type ReportStep = (step: string) => void

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
  if (version === undefined) throw new EngineError('@tensorflow/tfjs-core is not installed; run npm install')
  if (process.platform === 'win32') {
    throw new EngineError('on Windows this cannot be built; npm install @tensorflow/tfjs-node brings the library')
  }
  const compiler = await findCompiler(signal)
  const staging = await openBuildFolder(buildsFolder())
  try {
    const { work, result } = staging
    if (from === undefined) report(`asking pip for ${wheelName(gpu)} ${release}`)
    const given = from ?? (await downloadWheel(gpu, release, work, signal))
    report(`taking the library out of ${basename(given)}`)
    const source = await librarySource(given, work, signal)
    if (gpu && source.gpu === false) throw new EngineError(`${basename(given)} has no code for NVIDIA GPUs`)
    const libraries = source.libraries.map((file) => join('lib', basename(file)))
    await fs.mkdir(join(result, 'lib'))
    for (const [at, file] of source.libraries.entries()) await place(file, join(result, libraries[at]))
    // The library looks for CUDA's own libraries there.
    if (source.cudaPackages !== undefined) await fs.symlink(source.cudaPackages, join(result, 'nvidia'))
    report(`taking the addon from ${addonPackageName} ${version}`)
    const addon = await addonPackage(version, work, signal)
    await copyPackage(addon, join(result, 'package'))
    report(`compiling the addon with ${compiler.version}`)
    await compileAddon(
      {
        compiler,
        source: join(addon, 'binding'),
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
      name: addonPackageName,
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
      package: { name: addonPackageName, version },
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
