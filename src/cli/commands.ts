/**
 * The commands, in the order of `genepool --help`. A command is one file: its flags, what it does, its words. What
 * takes long to load and only one command needs is imported when that command runs.
 */
import * as Command from 'effect/cli/Command'
import { version } from '../runtime/definition/own-package.js'
import { acceptCommand } from './commands/accept.js'
import { benchCommand } from './commands/bench.js'
import { certifyCommand } from './commands/certify.js'
import { demoCommand } from './commands/demo.js'
import { diffCommand } from './commands/diff.js'
import { doctorCommand } from './commands/doctor.js'
import { engineCommand } from './commands/engine.js'
import { explainCommand } from './commands/explain.js'
import { exportCommand } from './commands/export.js'
import { fetchCommand } from './commands/fetch.js'
import { gcCommand } from './commands/gc.js'
import { inspectCommand } from './commands/inspect.js'
import { lineageCommand } from './commands/lineage.js'
import { logsCommand } from './commands/logs.js'
import { paretoCommand } from './commands/pareto.js'
import { pickCommand } from './commands/pick.js'
import { planCommand } from './commands/plan.js'
import { predictCommand } from './commands/predict.js'
import { reportCommand } from './commands/report.js'
import { resultsCommand } from './commands/results.js'
import { runCommand } from './commands/run.js'
import { runsCommand } from './commands/runs.js'
import { showCommand } from './commands/show.js'
import { storeCommand } from './commands/store.js'
import { watchCommand } from './commands/watch.js'

const genepool = Command.make('genepool').pipe(
  Command.withDescription(
    'Learngene pools: distil one vision transformer into students, stitch their blocks, measure every model',
  ),
  Command.withSubcommands([
    runCommand,
    watchCommand,
    planCommand,
    explainCommand,
    acceptCommand,
    resultsCommand,
    pickCommand,
    paretoCommand,
    exportCommand,
    demoCommand,
    predictCommand,
    benchCommand,
    reportCommand,
    diffCommand,
    runsCommand,
    showCommand,
    logsCommand,
    lineageCommand,
    certifyCommand,
    gcCommand,
    storeCommand,
    inspectCommand,
    fetchCommand,
    doctorCommand,
    engineCommand,
  ]),
)

/** Runs the command that these words call. */
export const cli = Command.runWith(genepool, { version })
