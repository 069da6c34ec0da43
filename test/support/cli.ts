/** The real command line, as `npm run build` leaves it. */
import { join } from 'node:path'
import { start, type Finished, type Running, type StartOptions } from './child.js'
import { checkout } from './workspace.js'

export const bin = join(checkout, 'dist', 'cli', 'bin.js')

export const startCli = (args: readonly string[], options: StartOptions): Running => start([bin, ...args], options)

export const runCli = (args: readonly string[], options: StartOptions): Promise<Finished> =>
  startCli(args, options).done
