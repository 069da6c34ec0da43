import { expect } from 'chai'
import { typesOf, watchedWorkspaceForEach } from '../support/watching.js'

interface Code {
  /** What `quick` leaves. */
  readonly quick?: string
  /** The pace of `slow`. */
  readonly pace?: number
  /** Of a function that no stage calls. */
  readonly unused?: string
}

/** Two stages in one file. */
const definition = ({ quick = 'a', pace = 20, unused = 'a' }: Code = {}): string => `
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { pipeline, stage } from 'genepool'

const pace = ${pace}
export const unused = (): string => '${unused}'
const word = (): string => '${quick}'

const slow = stage('slow', {
  run: async ({ outDir, signal, progress }) => {
    for (let step = 1; !existsSync('go') && !signal.aborted; step++) {
      await setTimeout(pace)
      progress({ phase: 'count', step, steps: 100_000 })
    }
    writeFileSync(join(outDir, 'done'), '')
  },
})
const quick = stage('quick', { run: ({ outDir }) => writeFileSync(join(outDir, 'word'), word()) })

export default pipeline('symbols').add(slow, quick)
`

describe('an edit under genepool watch, of a file with several stages,', () => {
  const { workspace, watch } = watchedWorkspaceForEach()
  const save = (code?: Code): void => void workspace.write('symbols.ts', definition(code))

  it('lets those go on that do not reach the declaration, and restarts those that do', async () => {
    save()
    const watching = watch('symbols.ts --jobs 2')
    await watching.after(0, 'stage-progress', ({ stage, step }) => stage === 'slow' && step >= 3)
    await watching.after(0, 'stage-finished', ({ stage }) => stage === 'quick')
    await watching.after(0, 'watch-ready')

    const unreached = watching.now()
    save({ unused: 'b' })
    await watching.after(unreached, 'watch-unchanged')

    const elsewhere = watching.now()
    save({ unused: 'b', quick: 'b' })
    const goOn = [{ round: 1, stage: 'slow' }]
    expect(await watching.after(elsewhere, 'watch-planned')).to.deep.include({ round: 2, goOn })
    await watching.after(elsewhere, 'stage-finished', ({ stage }) => stage === 'quick')
    expect(typesOf(watching.since(unreached))).not.to.include('stage-interrupted')

    const within = watching.now()
    save({ unused: 'b', quick: 'b', pace: 21 })
    expect(await watching.after(within, 'stage-interrupted')).to.include({ round: 1, stage: 'slow' })
    expect(await watching.after(within, 'stage-started')).to.include({ round: 3, stage: 'slow' })
    workspace.write('go', '')
    const last = await watching.after(within, 'run-finished', ({ round }) => round === 3)
    expect(last).to.include({ ran: 1, cached: 1 })
  })
})
