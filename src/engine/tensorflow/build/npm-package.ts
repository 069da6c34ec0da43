/** Brings a package from the registry that the user's npm is set up for, without installing it. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { EngineError } from '../../engine.js'
import { lastLine, runProgram } from '../../program.js'
import { unpackTarball } from './tarball.js'

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
