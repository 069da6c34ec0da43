/** Finds TensorFlow's library and its headers in what the user has: a wheel, a folder or an archive. */
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { otherThanFile } from '../../../base/files.js'
import { EngineError } from '../../engine.js'
import { libraryProblem } from '../../shared-library.js'
import { unpackTarball } from './fetch.js'
import { extractEntry, wheelEntries } from './wheel.js'

interface LibrarySource {
  /** The main library first; their names are those that they are found by when they are loaded. */
  readonly libraries: readonly string[]
  readonly include: string
  /** Whether the library was built for NVIDIA GPUs; unknown where nothing beside it says so. */
  readonly gpu: boolean | undefined
  /** Folder of NVIDIA's own pip packages beside it, where the library looks for CUDA. */
  readonly cudaPackages: string | undefined
}

const mac = process.platform === 'darwin'
const file = (name: string): string => (mac ? `lib${name}.2.dylib` : `lib${name}.so.2`)

/** In a wheel the C interface is part of the C++ library; the archive has a library of its own for it. */
const mainLibraries = [file('tensorflow_cc'), file('tensorflow')]
const frameworkLibrary = file('tensorflow_framework')
const header = join('tensorflow', 'c', 'eager', 'c_api.h')
const buildInfo = join('python', 'platform', 'build_info.py')

/** What the addon's source includes, directly or not, lies below these. */
const headerFolders = [
  'tensorflow/c/',
  'tensorflow/core/platform/',
  'tsl/platform/',
  'xla/tsl/c/',
  'tensorflow/tsl/platform/',
]

const neededOfWheel = (path: string): boolean =>
  [...mainLibraries, frameworkLibrary].some((name) => path === `tensorflow/${name}`) ||
  path === 'tensorflow/python/platform/build_info.py' ||
  (path.endsWith('.h') && headerFolders.some((folder) => path.startsWith(`tensorflow/include/${folder}`)))

const isCudaBuild = (folder: string): boolean | undefined => {
  const info = join(folder, buildInfo)
  return existsSync(info) ? /'is_cuda_build', True/.test(readFileSync(info, 'utf8')) : undefined
}

/** The folders where the library may lie, seen from what was named: a wheel's package, site-packages, libtensorflow. */
const places = (folder: string): readonly { readonly libraries: string; readonly include: string }[] => [
  { libraries: folder, include: join(folder, 'include') },
  { libraries: join(folder, 'tensorflow'), include: join(folder, 'tensorflow', 'include') },
  { libraries: join(folder, 'lib'), include: join(folder, 'include') },
]

const inFolder = (named: string, folder: string): LibrarySource => {
  for (const { libraries, include } of places(folder)) {
    const main = mainLibraries.map((name) => join(libraries, name)).find((path) => existsSync(path))
    if (main === undefined) continue
    if (!existsSync(join(include, header))) {
      throw new EngineError(
        `${named} has ${basename(main)} but not its headers (include/tensorflow/c); name a folder with both`,
      )
    }
    const framework = join(libraries, frameworkLibrary)
    const found = existsSync(framework) ? [main, framework] : [main]
    for (const library of found) {
      const problem = libraryProblem(library)
      if (problem !== undefined) throw new EngineError(`${named} does not fit: ${problem}`)
    }
    const cudaPackages = join(libraries, '..', 'nvidia')
    return {
      libraries: found,
      include,
      gpu: isCudaBuild(libraries),
      cudaPackages: existsSync(cudaPackages) ? realpathSync(cudaPackages) : undefined,
    }
  }
  throw new EngineError(
    `${named} has no ${mainLibraries.join(' or ')}; name a TensorFlow wheel for ${process.platform}-${process.arch}, ` +
      'an installed tensorflow folder, or a libtensorflow folder or .tar.gz',
  )
}

/** Platform of a wheel as its name ends: `-manylinux_2_27_x86_64.whl`. */
const platformOf = (wheel: string): string => /-([^-]+)\.whl$/.exec(wheel)?.[1] ?? 'another platform'

const fromWheel = async (wheel: string, work: string, signal: AbortSignal): Promise<LibrarySource> => {
  const needed = (await wheelEntries(wheel)).filter(({ path }) => neededOfWheel(path))
  if (!mainLibraries.some((name) => needed.some(({ path }) => path === `tensorflow/${name}`))) {
    throw new EngineError(
      `${basename(wheel)} has no ${mainLibraries[0]}: it is for ${platformOf(wheel)}, or no TensorFlow; ` +
        `a wheel of tensorflow or tensorflow-cpu for ${process.platform}-${process.arch} is needed`,
    )
  }
  const folder = join(work, 'wheel')
  for (const entry of needed) await extractEntry(wheel, entry, folder, signal)
  return inFolder(basename(wheel), join(folder, 'tensorflow'))
}

/** The library in a wheel, packed or not, an installed `tensorflow` folder or libtensorflow; unpacks into `work`. */
export const librarySource = async (from: string, work: string, signal: AbortSignal): Promise<LibrarySource> => {
  if (!existsSync(from)) throw new EngineError(`there is no file or folder ${from}`)
  if (statSync(from).isDirectory()) {
    if (readdirSync(from).length === 0) throw new EngineError(`the folder ${from} is empty`)
    return inFolder(from, from)
  }
  const other = otherThanFile(from)
  if (other !== undefined) throw new EngineError(`${from} is ${other}, not a file`)
  if (/\.(?:whl|zip)$/.test(from)) return fromWheel(from, work, signal)
  if (/\.(?:tar\.gz|tgz)$/.test(from)) {
    const folder = join(work, 'libtensorflow')
    await mkdir(folder, { recursive: true })
    await unpackTarball(from, folder, signal)
    return inFolder(basename(from), folder)
  }
  throw new EngineError(`${from} is neither a wheel (.whl), a libtensorflow archive (.tar.gz) nor a folder`)
}
