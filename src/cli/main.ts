/** The program: everything put together and run. */
import * as path from 'node:path'
import * as NodeRuntime from '@effect/platform-node/NodeRuntime'
import * as NodeServices from '@effect/platform-node/NodeServices'
import * as Effect from 'effect/Effect'
import { cacheFolder } from '../engine/cache-folder.js'
import { ownPackage } from '../runtime/own-package.js'
import { compiledDefinitions } from '../runtime/run-compiled.js'
import { cli } from './commands.js'
import { teardown } from './exit-codes.js'
import { wrongCallLayer } from './wrong-call.js'

compiledDefinitions.folder = path.join(cacheFolder(), 'definitions')
ownPackage.load = () => import('../index.js')

/** Ends when nobody reads what is printed any more (`genepool run … | head`): to a program that is a Ctrl-C. */
const readerGone = Effect.callback<never>((resume) => {
  process.stdout.on('error', () => resume(Effect.interrupt))
})
// There is nobody left to tell.
process.stderr.on('error', () => {})

const main = cli(process.argv.slice(2)).pipe(
  Effect.provide([NodeServices.layer, wrongCallLayer]),
  Effect.raceFirst(readerGone),
)

NodeRuntime.runMain(main, { disableErrorReporting: true, teardown })
