/** What happens while watching, as sentences. */
import * as path from 'node:path'
import { unreachable } from '../../runtime/events.js'
import { describeReasons } from '../text/describe.js'
import type { WatchEvent } from './watch-events.js'

/** So many files and stages are named, the others counted. */
const [mostFiles, mostStages] = [4, 4]

const listed = (items: readonly string[], most: number, between: string): string =>
  items.slice(0, most).join(between) + (items.length > most ? `${between}and ${items.length - most} more` : '')

const changes = { edited: '', created: ' (new)', deleted: ' (deleted)' }

export const describeFiles = ({ files }: Extract<WatchEvent, { type: 'watch-changed' }>): string =>
  `${listed(
    files.map((file) => `${path.relative(process.cwd(), file.path)}${changes[file.change]}`),
    mostFiles,
    ', ',
  )} changed`

const describePlan = (event: Extract<WatchEvent, { type: 'watch-planned' }>): string => {
  const { cached, run, maybe, stages, goOn } = event
  const untouched = new Set(goOn.map(({ stage }) => stage))
  const because = stages
    .filter(({ stage, status }) => status === 'run' && !untouched.has(stage))
    .map(({ stage, reasons }) => `${stage} (${describeReasons(reasons.slice(0, 1))})`)
  const counts = [
    `${cached} cached`,
    ...(goOn.length === 0 ? [] : [`${goOn.length} ${goOn.length === 1 ? 'goes' : 'go'} on`]),
    `${run - goOn.length} to run`,
    ...(maybe === 0 ? [] : [`${maybe} maybe`]),
  ]
  const plan = `run ${event.round}: ${counts.join(', ')}${because.length === 0 ? '' : `: ${listed(because, mostStages, ', ')}`}`
  return [plan, ...goOn.map(({ stage, round }) => `  ${stage} is not touched: it goes on in run ${round}`)].join('\n')
}

/** `running` tells whether stages go on meanwhile. */
export const describeWatch = (event: WatchEvent, running: boolean): string | undefined => {
  switch (event.type) {
    case 'watch-changed':
      return describeFiles(event)
    case 'watch-unchanged':
      return `nothing that counts changed${running ? '; what runs goes on' : ''}`
    case 'watch-problem': {
      const hint = event.hint === undefined ? '' : `\n    ${event.hint}`
      return `✗ ${event.message}${hint}\n  ${running ? 'what runs goes on; ' : ''}waiting until it is put right`
    }
    case 'watch-planned':
      return describePlan(event)
    case 'watch-ready':
      return undefined
    case 'watch-waiting':
      return `waiting for changes of ${event.files} files; Ctrl-C ends`
    case 'warning':
      return `warning: ${event.message}`
    default:
      return unreachable(event)
  }
}
