/** `genepool runs tag` and `untag`: names for runs, which keep what the runs reach. */
import * as Effect from 'effect/Effect'
import { genepoolLayer } from '../../compose.js'
import { runCalled } from '../../runtime/records/find-run.js'
import { addTag, removeTag } from '../../runtime/records/run-tags.js'

const say = (text: string): void => {
  process.stdout.write(`${text}\n`)
}

export const tagCommand = ({
  run,
  name,
  store,
}: {
  readonly run: string
  readonly name: string
  readonly store: string
}) =>
  Effect.gen(function* () {
    const record = yield* runCalled(run, store)
    yield* addTag(name, record.run)
    say(`run ${record.run} has the tag ${name}`)
  }).pipe(Effect.provide(genepoolLayer(store)))

export const untagCommand = ({ name, store }: { readonly name: string; readonly store: string }) =>
  Effect.gen(function* () {
    say(`run ${yield* removeTag(name)} has the tag ${name} no more`)
  }).pipe(Effect.provide(genepoolLayer(store)))
