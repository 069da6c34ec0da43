import { DefinitionError } from './definition-error.js'
import { checkDistinctNames, checkName } from './names.js'
import type { Place } from './nodes.js'
import { OptionReader, shown } from './option-reader.js'

/** Readers of several models' options by name, in the order written; what all share is the second layer of each. */
export const readNamed = (
  step: string,
  models: unknown,
  known: readonly string[],
  shared: unknown,
  sharedKnown: readonly string[],
  place?: Place,
): readonly (readonly [name: string, options: OptionReader])[] => {
  const [what, example] =
    step === 'distill'
      ? ['student', '{ tiny: { embedDim, depth, numHeads } }']
      : ['model', '{ small: { embedDim, depth, numHeads } }']
  if (typeof models !== 'object' || models === null || Array.isArray(models)) {
    throw new DefinitionError('wrongType', `${step} has ${shown(models)} for its ${what}s: write ${example}`, place)
  }
  const names = Object.keys(models).map((name) => checkName(`${step}: the name of a ${what}`, name, place))
  if (names.length === 0) {
    throw new DefinitionError('empty', `${step} has no ${what}: write at least ${example}`, place)
  }
  checkDistinctNames(step, names, place)
  return Object.entries(models).map(([name, options]: [string, unknown]) => [
    name,
    new OptionReader(
      [
        // null would read as "no options" and report a missing embedDim.
        { path: `${step}.${name}`, options: options ?? {}, known },
        { path: step, options: shared, known: sharedKnown },
      ],
      place,
    ),
  ])
}
