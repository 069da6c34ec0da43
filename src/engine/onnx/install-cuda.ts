/** Runs the installer of `onnxruntime-node` for ONNX Runtime's CUDA provider, which npm's registry does not hold. */
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { EngineError } from '../engine.js'
import { lastLine, type ProgramEnd, runProgram } from '../../base/program.js'
import { libraryProblem } from '../shared-library.js'

interface InstalledCuda {
  /** The provider's libraries. */
  readonly files: readonly string[]
  /** Whether they were there before. */
  readonly already: boolean
}

const require = createRequire(import.meta.url)

/** What the package's `install-metadata.js` says: which parts there are for a platform, and the files of each. */
interface Metadata {
  readonly requirements: Readonly<Record<string, readonly string[]>>
  readonly manifests: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

/** The index is small: who has not answered by then is not reached. */
const reachMs = 60_000

const packageFolder = (): string => {
  try {
    return dirname(require.resolve('onnxruntime-node/package.json'))
  } catch {
    throw new EngineError('onnxruntime-node is not installed; run npm install onnxruntime-node')
  }
}

const unreachable = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH/

const failure = ({ stderr, stdout }: ProgramEnd, folder: string): EngineError => {
  const said = stderr + stdout
  const byHand = `or copy the CUDA provider's libraries of the same version into ${folder}`
  if (unreachable.test(said)) {
    const [host] = /(?<=ENOTFOUND |EAI_AGAIN )[\w.-]*\w/.exec(said) ?? ['the server of its files']
    return new EngineError(
      `the installer of onnxruntime-node cannot reach ${host}; see that the network is there, ${byHand}`,
    )
  }
  if (/EACCES|EPERM|EROFS/.test(said)) return new EngineError(`${folder} cannot be written to`)
  if (/ENOSPC/.test(said)) return new EngineError(`there is no space left in ${folder}`)
  const message = /^\w*Error: (.+)$/m.exec(said)?.[1] ?? lastLine(said)
  return new EngineError(`the installer of onnxruntime-node failed (${message}); try again, ${byHand}`)
}

/** Into the installed package, or the one in `folder`. Rejects with an EngineError that says what to do. */
export const installCuda = async (
  signal: AbortSignal,
  report: (step: string) => void,
  folder = packageFolder(),
): Promise<InstalledCuda> => {
  const scripts = join(folder, 'script')
  const installer = join(scripts, 'install.js')
  const metadataFile = join(scripts, 'install-metadata.js')
  if (!existsSync(installer) || !existsSync(metadataFile)) {
    throw new EngineError('this onnxruntime-node has no installer for CUDA; install version 1.30.0')
  }
  const { requirements, manifests } = require(metadataFile) as Metadata
  const platform = `${process.platform}/${process.arch}`
  const part = requirements[platform]?.find((name) => name.startsWith('cuda'))
  if (part === undefined) {
    const having = Object.keys(requirements).filter((name) => requirements[name].some((one) => one.startsWith('cuda')))
    throw new EngineError(
      `ONNX Runtime has no CUDA provider for ${platform.replace('/', '-')}, only for ` +
        `${having.join(', ').replaceAll('/', '-')}; --device webgpu uses any GPU`,
    )
  }
  const binaries = join(folder, 'bin', 'napi-v6', process.platform, process.arch)
  const files = Object.keys(manifests[`${platform}:${part}`] ?? {}).map((name) => join(binaries, basename(name)))
  const wrong = (): string | undefined => {
    for (const file of files) {
      const problem = existsSync(file) ? libraryProblem(file) : `${basename(file)} is missing`
      if (problem !== undefined) return problem
    }
    return undefined
  }
  if (wrong() === undefined) return { files, already: true }
  report(`asking the installer of onnxruntime-node for ${part}`)
  const patience = new AbortController()
  const timer = setTimeout(() => patience.abort(), reachMs)
  const { npm_config_onnxruntime_node_install: _, ...env } = process.env
  const ended = await runProgram(process.execPath, [installer], {
    cwd: folder,
    env: { ...env, ONNXRUNTIME_NODE_INSTALL: part },
    signal: AbortSignal.any([signal, patience.signal]),
    onLine: (line) => {
      // It has found what it wants; how long that takes to arrive nobody knows.
      clearTimeout(timer)
      report(line)
    },
  })
    .catch((error: unknown) => {
      if (!patience.signal.aborted || signal.aborted) throw error
      throw new EngineError(
        `the installer of onnxruntime-node reached nothing within ${reachMs / 1_000} s; see that the network is there`,
      )
    })
    .finally(() => clearTimeout(timer))
  if (ended?.code !== 0) throw failure(ended ?? { code: null, stdout: '', stderr: '' }, binaries)
  const problem = wrong()
  if (problem !== undefined) {
    throw new EngineError(`the installer of onnxruntime-node ended, but ${problem}; run it again`)
  }
  return { files, already: false }
}
