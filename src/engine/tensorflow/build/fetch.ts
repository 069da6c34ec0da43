/** Brings what a build takes: a package by npm, without installing it, and TensorFlow's wheel by pip. */
import { mkdir, readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { lastLine, type ProgramEnd, runProgram } from '../../../base/program.js'
import { EngineError } from '../../engine.js'
import { leadsOut } from './wheel.js'

/** What tar says of an archive or of an entry. */
interface TarProblem {
  readonly message: string
  readonly code?: string
  readonly entry?: { readonly path: string }
  /** As the entry has it, where it is refused for it. */
  readonly path?: string
  readonly linkpath?: string
}

/** Unpacks a compressed tar archive. An EngineError where it is damaged, or an entry or link leads out of `folder`. */
export const unpackTarball = async (file: string, folder: string, signal: AbortSignal): Promise<void> => {
  const { extract } = await import('tar')
  let problem: TarProblem | undefined
  await extract({
    file,
    cwd: folder,
    // Nothing more is written once something is wrong.
    filter: () => problem === undefined && !signal.aborted,
    onwarn: (_code, message, data: Partial<TarProblem>) => (problem ??= { ...data, message: String(message) }),
  }).catch((cause: TarProblem) => (problem ??= cause))
  signal.throwIfAborted()
  if (problem === undefined) return
  const { message, code, entry, path, linkpath } = problem
  if (code === 'ENOSPC') throw new EngineError(`there is no space left to unpack ${basename(file)}`)
  // The system's own errors have a path too.
  if (code?.startsWith('TAR_') && (path ?? linkpath) !== undefined) {
    throw leadsOut(file, (code === 'TAR_SYMLINK_ERROR' ? undefined : path) ?? entry?.path ?? '')
  }
  throw new EngineError(`${file} cannot be unpacked (${message}); download it again`)
}

const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'

/** The last code that npm names says best what stopped it. */
const reasonOf = (stderr: string): string => {
  const [code] = /(?<=npm (?:error|ERR!) code )\S+/.exec(stderr) ?? []
  return code === undefined ? lastLine(stderr) : `npm says ${code}`
}

/** The package's files in a new folder below `folder`, which is returned. */
export const fetchPackage = async (
  name: string,
  version: string,
  folder: string,
  signal: AbortSignal,
): Promise<string> => {
  const target = join(folder, name.replace(/.*\//, ''))
  await mkdir(target, { recursive: true })
  const packed = await runProgram(
    npm,
    ['pack', `${name}@${version}`, '--pack-destination', target, '--loglevel', 'error', '--json'],
    // A folder without settings of its own: those of the user count.
    { cwd: target, signal },
  )
  if (packed === undefined) throw new EngineError(`npm was not found, which has to bring ${name}; install npm`)
  if (packed.code !== 0) {
    const reason = reasonOf(packed.stderr)
    throw new EngineError(`npm cannot bring ${name}@${version} (${reason}); see that its registry can be reached`)
  }
  const [{ filename }] = JSON.parse(packed.stdout) as [{ filename: string }]
  await unpackTarball(join(target, filename), target, signal)
  return join(target, 'package')
}

/** The release that this addon is known to build and train with. */
export const defaultRelease = '2.21.0'

/** `tensorflow-cpu` is the smaller one, where there is one: elsewhere `tensorflow` has no GPU code either. */
export const wheelName = (gpu: boolean): string =>
  gpu || process.platform !== 'linux' || process.arch !== 'x64' ? 'tensorflow' : 'tensorflow-cpu'

/** The last Python that every recent release has wheels for; the library in them is the same for every Python. */
const otherPython = ['--python-version', '3.12'] as const

const pipFlags = '-m pip download --no-deps --only-binary=:all: --no-input --disable-pip-version-check'.split(' ')

/** What pip says where it reaches no server. */
const unreachable = new RegExp(
  [
    'Name or service not known',
    'Temporary failure in name resolution',
    'ConnectionError',
    'Connection refused',
    'Network is unreachable',
    'timed out',
    'ProxyError',
    'getaddrinfo',
  ].join('|'),
  'i',
)

const failure = (wheel: string, { stderr }: ProgramEnd): EngineError => {
  const byHand = 'or download a wheel elsewhere and name it with --from'
  if (/No module named pip/.test(stderr)) {
    return new EngineError(`Python has no pip (Debian, Ubuntu: apt-get install python3-pip); install it, ${byHand}`)
  }
  if (/No space left/i.test(stderr)) return new EngineError(`there is no space left to download ${wheel}`)
  if (unreachable.test(stderr)) {
    return new EngineError(`pip cannot reach its index for ${wheel}; see that the network is there, ${byHand}`)
  }
  if (/No matching distribution|Could not find a version/.test(stderr)) {
    return new EngineError(
      `pip finds no ${wheel} for ${process.platform}-${process.arch}; name another release with --release, ${byHand}`,
    )
  }
  return new EngineError(`pip cannot download ${wheel} (${lastLine(stderr)}); ${byHand}`)
}

/** Path of the wheel, in a new folder below `work`. */
export const downloadWheel = async (
  gpu: boolean,
  release: string,
  work: string,
  signal: AbortSignal,
): Promise<string> => {
  const folder = join(work, 'download')
  await mkdir(folder, { recursive: true })
  const wheel = `${wheelName(gpu)} ${release}`
  const ask = async (python: string, ...more: readonly string[]): Promise<ProgramEnd | undefined> =>
    runProgram(python, [...pipFlags, '--dest', folder, ...more, `${wheelName(gpu)}==${release}`], { signal })
  for (const python of ['python3', 'python']) {
    let asked = await ask(python)
    if (asked === undefined) continue
    if (asked.code !== 0 && /No matching distribution/.test(asked.stderr) && !unreachable.test(asked.stderr)) {
      asked = (await ask(python, ...otherPython)) ?? asked
    }
    if (asked.code !== 0) throw failure(wheel, asked)
    const file = (await readdir(folder)).find((name) => name.endsWith('.whl'))
    if (file === undefined) throw new EngineError(`pip brought no wheel of ${wheel}`)
    return join(folder, file)
  }
  throw new EngineError(
    `neither python3 nor python was found, whose pip has to download ${wheel}; install Python, ` +
      'or download a wheel elsewhere and name it with --from',
  )
}
