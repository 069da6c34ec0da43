/** The program: everything put together and run. */
import * as NodeRuntime from '@effect/platform-node/NodeRuntime'
import * as NodeServices from '@effect/platform-node/NodeServices'
import * as Effect from 'effect/Effect'
import { cli } from './commands.js'
import { teardown, whenReaderGone, wrongCallLayer } from './output/exit-codes.js'
import { useOwnDefinitions } from '../own-definitions.js'

useOwnDefinitions()

/** Interrupts the program, like Ctrl-C, when nobody reads its output any more (`genepool run … | head`). */
const readerGone = Effect.callback<never>((resume) => whenReaderGone(() => resume(Effect.interrupt)))
// When stderr is closed, there is nowhere left to report it.
process.stderr.on('error', () => {})

const main = cli(process.argv.slice(2)).pipe(
  Effect.provide([NodeServices.layer, wrongCallLayer]),
  Effect.raceFirst(readerGone),
)

NodeRuntime.runMain(main, { disableErrorReporting: true, teardown })
