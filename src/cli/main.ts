/** The program: everything put together and run. */
import * as NodeChildProcessSpawner from '@effect/platform-node-shared/NodeChildProcessSpawner'
import * as NodeFileSystem from '@effect/platform-node-shared/NodeFileSystem'
import * as NodePath from '@effect/platform-node-shared/NodePath'
import * as NodeRuntime from '@effect/platform-node-shared/NodeRuntime'
import * as NodeStdio from '@effect/platform-node-shared/NodeStdio'
import * as NodeTerminal from '@effect/platform-node-shared/NodeTerminal'
import * as Effect from 'effect/Effect'
import * as Layer from 'effect/Layer'
import { cli } from './commands.js'
import { teardown, whenReaderGone, wrongCallLayer } from './output/exit-codes.js'
import { useOwnDefinitions } from '../own-definitions.js'

useOwnDefinitions()

/** Interrupts the program, like Ctrl-C, when nobody reads its output any more (`genepool run … | head`). */
const readerGone = Effect.callback<never>((resume) => whenReaderGone(() => resume(Effect.interrupt)))
// When stderr is closed, there is nowhere left to report it.
process.stderr.on('error', () => {})

/** What Effect's command line asks of the platform. The whole platform package would bring a client of Redis. */
const platform = NodeChildProcessSpawner.layer.pipe(
  Layer.provideMerge(Layer.mergeAll(NodeFileSystem.layer, NodePath.layer, NodeStdio.layer, NodeTerminal.layer)),
)

const main = cli(process.argv.slice(2)).pipe(Effect.provide([platform, wrongCallLayer]), Effect.raceFirst(readerGone))

NodeRuntime.runMain(main, { disableErrorReporting: true, teardown })
