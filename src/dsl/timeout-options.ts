/** How long the stages of a pipeline may compute. How it is run, not what it computes: nothing is computed again for it. */
import { durationWords, parseDuration, type Duration } from './amounts.js'
import { closest } from './closest.js'
import { DefinitionError } from './definition-error.js'
import type { PipelineNode, Place, StageNode } from './nodes.js'
import { shown, type OptionReader } from './option-reader.js'

/** Of every stage, or by a stage's name (`'distill/tiny'`) or kind (`'distill'`). */
export type TimeoutOption = Duration | { readonly [stage: string]: Duration }

type Timeouts = NonNullable<PipelineNode['timeouts']>

const msOf = (options: OptionReader, path: string, value: unknown): number => {
  const ms = parseDuration(value)
  return ms ?? options.fail('wrongType', 'timeout', `${path}is ${shown(value)}: write ${durationWords}`)
}

/** Milliseconds by stage; '' stands for all that have none of their own. */
export const readTimeouts = (options: OptionReader): Timeouts | undefined => {
  const value = options.value('timeout')
  if (value === undefined) return undefined
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { '': msOf(options, '', value) }
  return Object.fromEntries(
    Object.entries(value).map(([stage, each]) => [stage, msOf(options, `of ${JSON.stringify(stage)} `, each)]),
  )
}

/** Throws a DefinitionError where no stage is called so. */
export const checkTimeouts = (timeouts: Timeouts, stages: readonly StageNode[], place: Place | undefined): Timeouts => {
  const names = [...new Set(stages.flatMap(({ name }) => [name, name.split('/')[0]!]))]
  const stranger = Object.keys(timeouts).find((name) => name !== '' && !names.includes(name))
  if (stranger === undefined) return timeouts
  const meant = closest(stranger, names)
  const advice = meant === undefined ? `its stages are ${names.join(', ')}` : `did you mean ${meant}?`
  throw new DefinitionError('unknownOption', `pipeline.timeout: there is no stage '${stranger}': ${advice}`, place)
}
