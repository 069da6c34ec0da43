/** Unpacks a compressed tar archive, with the operating system's own `tar`. */
import { basename } from 'node:path'
import { EngineError } from '../../engine.js'
import { lastLine, runProgram } from '../../program.js'

export const unpackTarball = async (file: string, folder: string, signal: AbortSignal): Promise<void> => {
  const unpacked = await runProgram('tar', ['-xzf', file, '-C', folder], { signal })
  if (unpacked === undefined)
    throw new EngineError(`tar was not found, which has to unpack ${basename(file)}; install it`)
  if (unpacked.code !== 0) {
    const full = /no space left/i.test(unpacked.stderr)
    throw new EngineError(
      full
        ? `there is no space left to unpack ${basename(file)}`
        : `${file} cannot be unpacked (${lastLine(unpacked.stderr)}); download it again`,
    )
  }
}
