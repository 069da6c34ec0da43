/** `genepool accept`: one edit of one declaration is declared harmless, so that nothing runs again for it. */
import { spawnSync } from 'node:child_process'
import * as os from 'node:os'
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import * as Argument from 'effect/cli/Argument'
import * as Command from 'effect/cli/Command'
import {
  acceptEdit,
  type CodeChange,
  editedDeclarations,
  editsCalled,
  qualifiedName,
} from '../../runtime/code/accept-edit.js'
import { type AcceptedEdit, newEditId, readAcceptedEdits } from '../../runtime/code/accepted-edits.js'
import { acceptedPath } from '../../runtime/code/record-store.js'
import { storeErrorOf, UsageError } from '../../runtime/errors.js'
import { LastKnown } from '../../runtime/plan/last-known.js'
import { readRuns } from '../../runtime/records/run-log.js'
import { changeAcceptedEdits } from '../../runtime/store/change-accepted-edits.js'
import { notStored } from '../../runtime/store/find-store.js'
import { Store } from '../../runtime/store/store.js'
import {
  artifactFlags,
  type FlagsOf,
  jsonFlag,
  pipelineArgument,
  switchFlag,
  textFlag,
  verboseFlag,
} from '../input/flags.js'
import { inspect, type Inspected, inStore } from '../input/inspect.js'
import { isFile } from '../input/target.js'
import { printJson, say } from '../output/print.js'
import { renderTable } from '../output/table.js'

const acceptFlags = {
  symbol: Argument.String('symbol').pipe(
    Argument.withDescription('Declaration whose edit changes no result: kdLoss, Trainer.step, src/losses.ts:kdLoss'),
    Argument.withDefault(undefined),
  ),
  pipeline: pipelineArgument.pipe(Argument.withDefault(undefined)),
  reason: textFlag('reason', 'Why the edit changes no result; it is kept'),
  list: switchFlag('list', 'List the accepted edits'),
  revoke: textFlag('revoke', 'Have an accepted edit, by its id or its symbol, count again'),
  ...artifactFlags,
  json: jsonFlag('Print one edit a line as JSON'),
  verbose: verboseFlag,
}
type AcceptFlags = FlagsOf<typeof acceptFlags>

const gitConfig = (name: string): string | undefined => {
  const { status, stdout } = spawnSync('git', ['config', name], { encoding: 'utf8' })
  return status === 0 && stdout.trim() !== '' ? stdout.trim() : undefined
}

/** The author that git would name here, else the user's name on this machine. */
const whoAmI = (): AcceptedEdit['by'] => {
  const email = gitConfig('user.email')
  return { name: gitConfig('user.name') ?? os.userInfo().username, ...(email === undefined ? {} : { email }) }
}

const describeWho = ({ by }: AcceptedEdit): string => (by.email === undefined ? by.name : `${by.name} <${by.email}>`)

const readEdits = (store: Store['Service']) =>
  Effect.try({
    try: () => readAcceptedEdits(acceptedPath(store.root)),
    catch: storeErrorOf('cannot read the accepted edits'),
  })

const listAccepted = Effect.fnUntraced(function* (json: boolean) {
  const edits = yield* readEdits(yield* Store)
  if (json) {
    edits.forEach((edit) => printJson(edit))
    return
  }
  if (edits.length === 0) return say('no edits have been accepted')
  say(
    renderTable<AcceptedEdit>(
      [
        { title: 'id', cell: ({ id }) => id, align: 'left' },
        { title: 'symbol', cell: ({ file, name }) => `${file}:${name}`, align: 'left' },
        { title: 'at', cell: ({ at }) => at, align: 'left' },
        { title: 'by', cell: describeWho, align: 'left' },
        {
          title: 'because',
          cell: ({ reason, revokedAt }) => `${reason}${revokedAt === undefined ? '' : ` (revoked ${revokedAt})`}`,
          align: 'left',
        },
      ],
      edits,
    ),
  )
})

const isCalled = (edit: AcceptedEdit, written: string): boolean =>
  [edit.id, edit.name, `${edit.file}:${edit.name}`, edit.symbol].includes(written)

const revoke = Effect.fnUntraced(function* (written: string) {
  const isWanted = (edit: AcceptedEdit): boolean => edit.revokedAt === undefined && isCalled(edit, written)
  const wanted = (yield* readEdits(yield* Store)).filter(isWanted)
  if (wanted.length === 0) {
    return yield* notStored({
      message: `no accepted edit '${written}' is in force`,
      hint: 'genepool accept --list shows them',
    })
  }
  const revokedAt = new Date().toISOString()
  yield* changeAcceptedEdits((edits) => edits.map((edit) => (isWanted(edit) ? { ...edit, revokedAt } : edit)))
  for (const { id, file, name } of wanted) say(`${file}:${name} counts again (${id} is revoked)`)
})

/** The file of the newest recorded run, where it is still there. */
const lastPipeline = Effect.fnUntraced(function* () {
  for (const { events } of yield* readRuns()) {
    const started = events.find((event) => event.type === 'run-started')
    const file = started?.file ?? undefined
    if (file !== undefined && isFile(file)) return path.relative(process.cwd(), file)
  }
  return yield* notStored({
    message: 'no run tells which pipeline is meant',
    hint: 'genepool accept SYMBOL PIPELINE --reason TEXT',
  })
})

/** The code of each stage that changed since it last finished: as it was then, and as it is. */
const codeChanges = Effect.fnUntraced(function* ({ graph, prepared, plan, store }: Inspected) {
  const last = new LastKnown(store, graph.remembered)
  const changes: CodeChange[] = []
  for (const [index, stage] of prepared.stages.entries()) {
    const known = last.fingerprint(stage.node.name)
    if (plan.stages[index].status === 'cached' || known === undefined) continue
    const before = store.lookup(known)?.identity.code
    if (before === undefined || before === stage.code) continue
    const record = prepared.code.record(before)
    const now = yield* Effect.promise(() => prepared.code.recordOf(stage.codeEntry, stage.codeWithout))
    if (record !== undefined && now !== undefined) changes.push({ stage: stage.node.name, before: record, now })
  }
  return changes
})

/** Edits in force of this name that the stages as they stand reach: they count as before already. */
const acceptedAlready = Effect.fnUntraced(function* (written: string, { prepared }: Inspected) {
  const inForce = new Set<string>()
  for (const { codeEntry, codeWithout } of prepared.stages) {
    const record = yield* Effect.promise(() => prepared.code.current(codeEntry, codeWithout))
    for (const { id } of record?.accepted ?? []) inForce.add(id)
  }
  const edits = yield* readEdits(yield* Store)
  return edits.filter((edit) => inForce.has(edit.id) && isCalled(edit, written))
})

const sayTakenBack = ({ id }: AcceptedEdit): void => say(`  genepool accept --revoke ${id} takes it back`)

const acceptSymbol = Effect.fnUntraced(function* (symbol: string, reason: string, flags: AcceptFlags) {
  const pipeline = flags.pipeline ?? (yield* lastPipeline())
  const inspected = yield* inspect({ ...flags, pipeline })
  const edits = editedDeclarations(yield* codeChanges(inspected))
  const found = editsCalled(edits, symbol)
  if (found.length === 0) {
    const already = yield* acceptedAlready(symbol, inspected)
    for (const edit of already) {
      if (flags.json) printJson(edit)
      else {
        say(`${edit.file}:${edit.name} counts as before already: accepted ${edit.at} by ${describeWho(edit)}`)
        sayTakenBack(edit)
      }
    }
    if (already.length > 0) return
    const names = edits.map(({ symbol: { name } }) => name)
    return yield* notStored({
      message: `${symbol} has not changed since the stages of ${pipeline} last ran`,
      hint: names.length === 0 ? 'nothing that they reach has' : `what has: ${[...new Set(names)].join(', ')}`,
    })
  }
  if (found.length > 1) {
    return yield* new UsageError({
      message: `${symbol} is the name of ${found.length} declarations that changed`,
      hint: `name one of ${found.map(([edit]) => qualifiedName(edit)).join(', ')}`,
    })
  }
  const said = { reason, by: whoAmI(), at: new Date().toISOString() }
  const accepted = found[0].map((edit) => acceptEdit(edit, { ...said, id: newEditId() }))
  yield* changeAcceptedEdits((edits) => [...edits, ...accepted.map((each) => each.accepted)])
  for (const each of accepted) {
    if (flags.json) printJson({ ...each.accepted, stages: each.stages })
    else {
      const { file, name, changes } = each.accepted
      const more = changes.slice(1).map(({ key }) => key)
      const others = more.length === 0 ? '' : `, with ${more.join(', ')}`
      say(`${file}:${name} counts as before in ${each.stages.join(', ')}${others}`)
      sayTakenBack(each.accepted)
    }
  }
})

const accept = Effect.fnUntraced(function* (flags: AcceptFlags) {
  if (flags.list) return yield* listAccepted(flags.json)
  if (flags.revoke !== undefined) return yield* revoke(flags.revoke)
  if (flags.symbol === undefined) {
    return yield* new UsageError({
      message: 'which declaration has changed harmlessly?',
      hint: 'genepool accept SYMBOL --reason TEXT; genepool explain PIPELINE names what changed',
    })
  }
  if (flags.reason === undefined || flags.reason.trim() === '') {
    return yield* new UsageError({
      message: `say why the edit of ${flags.symbol} changes no result`,
      hint: `genepool accept ${flags.symbol} --reason TEXT`,
    })
  }
  return yield* acceptSymbol(flags.symbol, flags.reason.trim(), flags)
})

export const acceptCommand = Command.make('accept', acceptFlags).pipe(
  Command.withDescription(
    'Declare the present edit of one declaration harmless: nothing runs again for it; ' +
      'without a pipeline, of the last run',
  ),
  Command.withExamples([
    { command: 'genepool accept kdLoss --reason "only renamed a variable"', description: 'The next edit counts again' },
  ]),
  Command.withHandler(inStore(accept)),
)
