/** `genepool diff`: what differs between two cells, two pipelines or two recorded runs. */
import * as Effect from 'effect/Effect'
import * as Argument from 'effect/cli/Argument'
import * as Command from 'effect/cli/Command'
import type { Json } from '../../dsl/nodes.js'
import { isShare } from '../../results/figures.js'
import { count, percent } from '../../results/format.js'
import {
  type Difference,
  differenceOf,
  type FigureDifference,
  type StageDifference,
} from '../../runtime/plan/difference.js'
import { environmentDifference, type EnvironmentDifference } from '../../runtime/records/run-environment.js'
import { readSides, type Side } from '../input/diff-sides.js'
import { artifactFlags, type FlagsOf, jsonFlag, verboseFlag } from '../input/flags.js'
import { inStore } from '../input/inspect.js'
import { describeReason } from '../output/describe.js'
import { printJson, say } from '../output/print.js'
import { renderTable } from '../output/table.js'

const side = (name: string) =>
  Argument.String(name).pipe(
    Argument.withDescription(
      'FILE, FILE#CELL, or a run: its id as genepool runs prints it, the beginning of it, or a tag',
    ),
  )

const diffFlags = {
  a: side('a'),
  b: side('b'),
  ...artifactFlags,
  json: jsonFlag('Print one stage, one figure, one part of the environment or one note a line as JSON'),
  verbose: verboseFlag,
}

const figure = (name: string, value: number | null): string =>
  value === null ? '' : isShare(name) ? percent(value) : count(value)

/** The difference of a share is given in percentage points. */
const change = (name: string, value: number | null): string => {
  if (value === null) return ''
  return `${value > 0 ? '+' : ''}${isShare(name) ? `${(100 * value).toFixed(2)} pp` : count(value)}`
}

const renderFigures = (figures: readonly FigureDifference[]): string =>
  renderTable<FigureDifference>(
    [
      { title: 'stage', cell: (row) => row.stage, align: 'left' },
      { title: 'figure', cell: (row) => row.figure, align: 'left' },
      { title: 'a', cell: (row) => figure(row.figure, row.a) },
      { title: 'b', cell: (row) => figure(row.figure, row.b) },
      { title: 'b − a', cell: (row) => change(row.figure, row.difference) },
    ],
    figures,
  )

interface Line {
  readonly stage: string
  readonly says: string
}

const linesOf = (difference: StageDifference): readonly Line[] => {
  const { stage } = difference
  switch (difference.state) {
    case 'same':
      return []
    case 'only-a':
      return [{ stage, says: 'only in a' }]
    case 'only-b':
      return [{ stage, says: 'only in b' }]
    case 'unknown':
      return [{ stage, says: 'the record does not say what it was' }]
    case 'differs':
      return difference.changes.map((change, index) => ({
        stage: index === 0 ? stage : '',
        says: change.type === 'input-pending' ? `reads ${change.stage}, which differs` : describeReason(change),
      }))
  }
}

const renderStages = (stages: readonly StageDifference[]): string => {
  const lines = stages.flatMap(linesOf)
  const same = stages.filter(({ state }) => state === 'same').map(({ stage }) => stage)
  const table = renderTable<Line>(
    [
      { title: 'stage', cell: (line) => line.stage, align: 'left' },
      { title: 'a → b', cell: (line) => line.says, align: 'left' },
    ],
    lines,
  )
  return [...(lines.length === 0 ? [] : [table]), ...(same.length === 0 ? [] : [`the same: ${same.join(', ')}`])].join(
    '\n',
  )
}

/** Only two runs have environments to compare; a definition has not run anywhere yet. */
const environmentsOf = (a: Side, b: Side): readonly EnvironmentDifference[] =>
  a.environment === undefined || b.environment === undefined ? [] : environmentDifference(a.environment, b.environment)

const mostWide = 60

const written = (value: Json): string => {
  const text = value === null ? 'none' : typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > mostWide ? `${text.slice(0, mostWide)}…` : text
}

const renderEnvironments = (differences: readonly EnvironmentDifference[]): string =>
  renderTable<EnvironmentDifference>(
    [
      { title: 'environment', cell: ({ what }) => what, align: 'left' },
      { title: 'a', cell: ({ a }) => written(a), align: 'left' },
      { title: 'b', cell: ({ b }) => written(b), align: 'left' },
    ],
    differences,
  )

/** Which figures are missing, and why. */
const notesOf = (
  difference: Difference,
  sides: readonly (readonly ['a' | 'b', Side])[],
  isElsewhere: boolean,
): readonly string[] => {
  const differing = difference.stages.filter(({ state }) => state !== 'same').map(({ stage }) => stage)
  const notes = sides.flatMap(([letter, side]) => {
    const without = side.without.filter((stage) => differing.includes(stage))
    const them = without.length === 1 ? 'it' : 'them'
    if (without.length === 0) return []
    return [`${letter} has no artifact of ${without.join(', ')}, so there are no metrics of ${them}`]
  })
  if (notes.length > 0 || difference.figures.length > 0) return notes
  if (differing.length === 0) return [isElsewhere ? 'no stage differs' : 'nothing differs']
  return ['no stage that differs has metrics on both sides']
}

const diff = Effect.fnUntraced(function* (flags: FlagsOf<typeof diffFlags>) {
  const [a, b] = yield* readSides([flags.a, flags.b], flags)
  const difference = differenceOf(a.stages, b.stages, (digest) => a.recordOf(digest) ?? b.recordOf(digest))
  const environments = environmentsOf(a, b)
  const notes = notesOf(
    difference,
    [
      ['a', a],
      ['b', b],
    ],
    environments.length > 0,
  )
  if (flags.json) {
    const about = ({ target, name }: Side) => ({ target, name })
    const lines = [
      { type: 'diff', a: about(a), b: about(b) },
      ...difference.stages.map((stage) => ({ type: 'stage', ...stage })),
      ...difference.figures.map((each) => ({ type: 'figure', ...each })),
      ...environments.map((each) => ({ type: 'environment', ...each })),
      ...notes.map((message) => ({ type: 'note', message })),
    ]
    for (const line of lines) printJson(line)
    return
  }
  const telling = difference.figures.filter((each) => each.difference !== 0)
  const equal = difference.figures.length - telling.length
  const parts = [
    `a  ${a.target}\nb  ${b.target}`,
    renderStages(difference.stages),
    telling.length === 0 ? '' : renderFigures(telling),
    environments.length === 0 ? '' : renderEnvironments(environments),
    [...(equal === 0 ? [] : [`${equal} figures are equal (--json lists them)`]), ...notes].join('\n'),
  ]
  say(parts.filter((part) => part !== '').join('\n\n'))
})

export const diffCommand = Command.make('diff', diffFlags).pipe(
  Command.withDescription(
    'Say what differs between two pipelines, cells or recorded runs: parameters, code, metrics, environment',
  ),
  Command.withExamples([
    {
      command:
        'genepool diff pipelines/ablation.ts#init=learned,positions=end,loss=all,seed=1 ' +
        'pipelines/ablation.ts#init=random,positions=end,loss=all,seed=1',
      description: 'Two cells of a suite (axes in any order, as many as tell the cell)',
    },
  ]),
  Command.withHandler(inStore(diff)),
)
