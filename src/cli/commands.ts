/** The command line's words: flags, arguments, help. Each handler reads its flags and calls one function. */
import * as Command from 'effect/cli/Command'
import { acceptWords } from './commands/accept.js'
import { certifyWords } from './commands/certify.js'
import { diff } from './commands/diff.js'
import { doctor } from './commands/doctor.js'
import { engineCommand } from './commands/engine.js'
import { explain } from './commands/explain.js'
import { gcFlagsCommand } from './commands/gc.js'
import { lineage } from './commands/lineage.js'
import { pareto } from './commands/pareto.js'
import { pick } from './commands/pick.js'
import { plan } from './commands/plan.js'
import { report } from './commands/report.js'
import { results } from './commands/results.js'
import { run } from './commands/run.js'
import { runs } from './commands/runs.js'
import { show } from './commands/show.js'
import { storeCommand } from './commands/store.js'
import { watch } from './commands/watch.js'
import { version } from './version.js'

const genepool = Command.make('genepool').pipe(
  Command.withDescription(
    'Learngene pools: distil one vision transformer into students, stitch their blocks, measure every model',
  ),
  Command.withSubcommands([
    run,
    watch,
    plan,
    explain,
    acceptWords,
    results,
    pick,
    pareto,
    report,
    diff,
    runs,
    show,
    lineage,
    certifyWords,
    gcFlagsCommand,
    storeCommand,
    doctor,
    engineCommand,
  ]),
)

export const cli = Command.runWith(genepool, { version })
