/** `genepool store`: verify, export, import; and `genepool gc`. Words and flags only. */
import * as Argument from 'effect/cli/Argument'
import * as Command from 'effect/cli/Command'
import * as Flag from 'effect/cli/Flag'
import * as Effect from 'effect/Effect'
import { UsageError } from '../runtime/errors.js'
import { exportCommand } from './commands/export-command.js'
import { gcCommand } from './commands/gc-command.js'
import { importCommand } from './commands/import-command.js'
import { verifyStoreCommand } from './commands/verify-store-command.js'

const store = Flag.String('store').pipe(
  Flag.withDescription('Folder that holds artifacts, checkpoints and records; default: .genepool'),
  Flag.withDefault('.genepool'),
)
const engine = Flag.Literals('engine', ['auto', 'onnxruntime', 'tensorflow', 'cpu']).pipe(
  Flag.withDescription('The engine whose artifacts are meant; default: auto'),
  Flag.withDefault('auto'),
)
const device = Flag.String('device').pipe(
  Flag.withDescription('The device whose artifacts are meant; default: auto'),
  Flag.withDefault('auto'),
)
const reuse = Flag.Literals('reuse', ['same-engine', 'any-engine']).pipe(
  Flag.withDescription('Whether artifacts of other engines will do as well; default: same-engine'),
  Flag.withDefault('same-engine'),
)
const json = Flag.Boolean('json').pipe(Flag.withDescription('Print one JSON object a line'), Flag.withDefault(false))
const verbose = Flag.Boolean('verbose').pipe(
  Flag.withDescription('Print stack traces with errors'),
  Flag.withDefault(false),
)
const switchOf = (name: string, what: string) =>
  Flag.Boolean(name).pipe(Flag.withDescription(what), Flag.withDefault(false))

const verify = Command.make('verify', { store, json, verbose }).pipe(
  Command.withHandler((flags) => verifyStoreCommand(flags)),
  Command.withDescription(
    'Read every byte of the store again, move what is damaged to quarantine, say which stages will be made again',
  ),
)

const exportTo = Command.make('export', {
  what: Argument.String('pipeline-or-run').pipe(
    Argument.withDescription('FILE, FILE#CELL, or the id of a run as genepool runs prints it'),
  ),
  file: Argument.String('file').pipe(Argument.withDescription('File to write, a tar')),
  store,
  engine,
  device,
  reuse,
  json,
  verbose,
}).pipe(
  Command.withHandler((flags) => exportCommand(flags)),
  Command.withDescription(
    'Write the artifacts of a pipeline or a run, all that they were made from, and the runs that made them into one file',
  ),
  Command.withExamples([
    { command: 'genepool store export pipelines/quickstart.ts quickstart.tar', description: 'All that a pipeline has' },
  ]),
)

const importFrom = Command.make('import', {
  file: Argument.String('file').pipe(Argument.withDescription('A file that genepool store export has written')),
  store,
  json,
  verbose,
}).pipe(
  Command.withHandler((flags) => importCommand(flags)),
  Command.withDescription('Take in what another store exported, every hash verified'),
)

export const storeCommand = Command.make('store').pipe(
  Command.withDescription('Verify the store, or carry artifacts from one store to another'),
  Command.withSubcommands([verify, exportTo, importFrom]),
)

export const gcFlagsCommand = Command.make('gc', {
  roots: Argument.String('roots').pipe(
    Argument.withDescription('Pipelines, suites and cells to keep, besides all that have been run here'),
    Argument.variadic(),
  ),
  store,
  engine,
  device,
  reuse,
  keepDays: Flag.Int('keep-days').pipe(
    Flag.withDescription('Keep what is younger than this many days, whoever needs it; default: 7'),
    Flag.withDefault(7),
  ),
  namedOnly: switchOf('named-only', 'Keep for the definitions named here, tags and runs that go on, and no others'),
  all: switchOf('all', 'Empty quarantine, whatever its age'),
  dryRun: switchOf('dry-run', 'Say what would be removed, and remove nothing'),
  json,
  verbose: switchOf('verbose', 'List every artifact; print stack traces with errors'),
}).pipe(
  Command.withHandler(
    Effect.fnUntraced(function* (flags) {
      if (flags.keepDays < 0)
        return yield* new UsageError({ message: `--keep-days is ${flags.keepDays}; it must be 0 or more` })
      if (flags.namedOnly && flags.roots.length === 0) {
        return yield* new UsageError({
          message: '--named-only without a pipeline would keep nothing',
          hint: 'name what to keep',
        })
      }
      return yield* gcCommand(flags)
    }),
  ),
  Command.withDescription('Remove artifacts that no pipeline, suite or tagged run reaches'),
  Command.withExamples([
    { command: 'genepool gc --dry-run', description: 'What nothing that has been run here needs any more' },
    {
      command: 'genepool gc pipelines/paper.ts --named-only --keep-days 0',
      description: 'Keep one pipeline (and tags), remove the rest',
    },
  ]),
)
