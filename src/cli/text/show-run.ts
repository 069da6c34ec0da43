/** `genepool show RUN`: one recorded run: where it took place, what it planned, what became of each stage. */
import * as Effect from 'effect/Effect'
import { duration } from '../../results/format.js'
import type { PlannedStage } from '../../runtime/events.js'
import { outcomeOfRun, stageOutcomes, type StageOutcome } from '../../runtime/records/run-outcome.js'
import { readTags } from '../../runtime/records/run-tags.js'
import type { RunRecord } from '../../runtime/records/run-log.js'
import { describeEnvironment } from './describe-environment.js'
import { describeReasons } from './describe.js'
import { renderTable } from './table.js'

const said: Readonly<Record<StageOutcome['state'], string>> = {
  ran: 'ran',
  cached: 'cached',
  failed: 'failed',
  skipped: 'not run',
  interrupted: 'interrupted',
  open: 'no end recorded',
}

const becauseOf = (outcome: StageOutcome, planned: PlannedStage | undefined): string => {
  if (outcome.message !== null) return outcome.message
  const reasons = planned === undefined || planned.reasons.length === 0 ? '' : describeReasons(planned.reasons)
  return outcome.unchanged ? [reasons, '(same bytes as before)'].filter((part) => part !== '').join(' ') : reasons
}

/** More stages that were cached than this are counted, not listed. */
const mostCached = 20

const renderRun = (record: RunRecord, tags: readonly string[]): string => {
  const outcome = outcomeOfRun(record)
  const planned = new Map((record.plan ?? []).map((stage) => [stage.stage, stage]))
  const stages = stageOutcomes(record)
  const cached = stages.filter(({ state }) => state === 'cached')
  const listed = cached.length <= mostCached ? stages : stages.filter(({ state }) => state !== 'cached')
  const about: readonly (readonly [string, string])[] = [
    ...(outcome === undefined
      ? [['state', 'it was ended before its first event'] as const]
      : [
          ['pipeline', outcome.pipeline] as const,
          ['state', outcome.state] as const,
          ['started', outcome.at] as const,
          ...(outcome.ms === null ? [] : [['took', duration(outcome.ms)] as const]),
        ]),
    ...(tags.length === 0 ? [] : [['tags', tags.join(', ')] as const]),
    ...(record.environment === undefined
      ? [['environment', 'not recorded: an older version made this run'] as const]
      : describeEnvironment(record.environment)),
  ]
  const width = Math.max(...about.map(([label]) => label.length))
  const table = renderTable<StageOutcome>(
    [
      { title: 'stage', cell: ({ stage }) => stage, align: 'left' },
      { title: 'planned', cell: ({ stage }) => planned.get(stage)?.status ?? '', align: 'left' },
      { title: 'outcome', cell: ({ state }) => said[state], align: 'left' },
      { title: 'took', cell: ({ ms }) => (ms === null ? '' : duration(ms)) },
      { title: 'because', cell: (stage) => becauseOf(stage, planned.get(stage.stage)), align: 'left' },
    ],
    listed,
  )
  const totals =
    outcome === undefined
      ? ''
      : `${outcome.ran} ran, ${outcome.cached} cached, ${outcome.failed} failed, ${outcome.skipped} not run`
  const hints = stages.flatMap(({ stage, hint }) => (hint === null ? [] : [`${stage}: ${hint}`]))
  return [
    `run ${record.run}`,
    ...about.map(([label, text]) => `  ${label.padEnd(width)}  ${text}`),
    '',
    ...(listed.length === 0 ? [] : [table]),
    ...(listed.length === stages.length ? [] : [`and ${cached.length} cached stages`]),
    ...hints,
    totals,
  ].join('\n')
}

export const showRun = Effect.fnUntraced(function* (record: RunRecord, json: boolean) {
  const tags = [...(yield* readTags())].flatMap(([tag, run]) => (run === record.run ? [tag] : []))
  if (!json) {
    process.stdout.write(`${renderRun(record, tags)}\n`)
    return
  }
  const { run, environment = null, plan = null } = record
  const whole = { run, tags, ...outcomeOfRun(record), environment, plan, stages: stageOutcomes(record) }
  process.stdout.write(`${JSON.stringify(whole)}\n`)
})
