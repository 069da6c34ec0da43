/** Compiles the addon's C++ against TensorFlow's library. It uses only Node-API, so one build serves every Node.js. */
import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { EngineError } from '../../engine.js'
import { fetchPackage } from './fetch.js'
import { runProgram } from '../../../base/program.js'

/** The newest version of Node-API that the addon's package is built for. */
const nodeApiVersion = 8
const nodeApiHeaders = { name: 'node-api-headers', version: '1.9.0' }

interface Compiler {
  readonly command: readonly string[]
  /** What it calls itself. */
  readonly version: string
}

const installHint: Readonly<Record<string, string>> = {
  linux: 'install one (Debian, Ubuntu: apt-get install g++; Fedora: dnf install gcc-c++)',
  darwin: 'install one (xcode-select --install)',
}

/** `$CXX`, else the system's. An EngineError that says what to install where there is none. */
export const findCompiler = async (signal: AbortSignal): Promise<Compiler> => {
  const { CXX } = process.env
  const wanted = CXX === undefined || CXX.trim() === '' ? ['c++', 'g++', 'clang++'] : [CXX]
  for (const candidate of wanted) {
    // `CXX` may hold arguments: `ccache g++`.
    const command = candidate.trim().split(/\s+/) as [string, ...string[]]
    const asked = await runProgram(command[0], [...command.slice(1), '--version'], { signal })
    if (asked?.code === 0) return { command, version: asked.stdout.split('\n')[0].trim() }
  }
  const hint = installHint[process.platform] ?? 'install one'
  throw new EngineError(`no C++ compiler was found (${wanted.join(', ')}); ${hint}, or name one in $CXX`)
}

/** Node-API's headers: those that came with this Node.js, else the package that has nothing else. */
const nodeHeaders = async (work: string, signal: AbortSignal): Promise<string> => {
  const beside = join(dirname(process.execPath), '..', 'include', 'node')
  if (existsSync(join(beside, 'node_api.h'))) return beside
  const { name, version } = nodeApiHeaders
  return join(await fetchPackage(name, version, work, signal), 'include')
}

interface Compilation {
  readonly compiler: Compiler
  /** Folder of the addon's C++. */
  readonly source: string
  /** TensorFlow's headers. */
  readonly include: string
  /** TensorFlow's libraries, in the folder where they stay. */
  readonly libraries: readonly string[]
  readonly output: string
  /** From the addon's folder to the libraries'. */
  readonly librariesFromOutput: string
  /** Folder for what is needed on the way. */
  readonly work: string
}

const linking = (compilation: Compilation): readonly string[] =>
  process.platform === 'darwin'
    ? [`-Wl,-rpath,@loader_path/${compilation.librariesFromOutput}`, '-undefined', 'dynamic_lookup']
    : [`-Wl,-rpath,$ORIGIN/${compilation.librariesFromOutput}`, '-Wl,-z,now']

const sources = ['tfjs_backend.cc', 'tfjs_binding.cc']
const compilerFlags = ['-std=c++17', '-O2', '-fPIC', '-shared', '-w']

/** The first complaint of a compiler. */
const complaint = (stderr: string): string => {
  const line = stderr.split('\n').find((candidate) => /\berror\b|undefined reference|cannot find/.test(candidate))
  return (line ?? stderr.split('\n')[0] ?? '').trim().slice(0, 300)
}

export const compileAddon = async (compilation: Compilation, signal: AbortSignal): Promise<void> => {
  const { compiler, source, include, libraries, output, work } = compilation
  const headers = await nodeHeaders(work, signal)
  await mkdir(dirname(output), { recursive: true })
  const [command, ...first] = compiler.command as [string, ...string[]]
  const compiled = await runProgram(
    command,
    [
      ...first,
      ...compilerFlags,
      `-DNAPI_VERSION=${nodeApiVersion}`,
      `-I${headers}`,
      `-I${include}`,
      ...sources.map((file) => join(source, file)),
      ...libraries,
      ...linking(compilation),
      '-o',
      output,
    ],
    { signal },
  )
  if (compiled === undefined) throw new EngineError(`${command} cannot be run any more`)
  if (compiled.code === 0) return
  if (/No space left/i.test(compiled.stderr)) throw new EngineError('there is no space left to compile the addon')
  throw new EngineError(`${compiler.version} cannot compile the addon: ${complaint(compiled.stderr)}`)
}
