import { appendFileSync, readFileSync, utimesSync } from 'node:fs'
import { expect } from 'chai'
import { endsWithin } from '../support/child.js'
import { pidsOf, writeStages } from '../support/watched-stages.js'
import { noticed, typesOf, watchedWorkspaceForEach, type Moment, type Watching } from '../support/watching.js'

/** `slow` is computed, by a worker that has long loaded its code. */
const untilSlowRuns = (watching: Watching, from: Moment = 0, step = 3) =>
  watching.after(from, 'stage-progress', (line) => line.stage === 'slow' && line.step >= step)

describe('an edit while a stage runs under genepool watch', () => {
  const { workspace, watch } = watchedWorkspaceForEach()
  beforeEach(() => writeStages(workspace))

  /** `slow` runs, everything is watched. */
  const watchSlow = async (call: string): Promise<Watching> => {
    const watching = watch(call)
    await untilSlowRuns(watching)
    await watching.after(0, 'watch-ready')
    return watching
  }

  it('that does not touch it lets it finish, and the new run takes its result', async () => {
    const watching = await watchSlow('both-only.ts --jobs 2')
    await watching.after(0, 'stage-finished', ({ stage }) => stage === 'text')
    const saved = watching.now()
    workspace.write('text.txt', 'another text')
    expect(await watching.after(saved, 'watch-planned')).to.deep.include({
      round: 2,
      goOn: [{ round: 1, stage: 'slow' }],
    })
    expect(await watching.after(saved, 'stage-finished', ({ stage }) => stage === 'text')).to.include({ round: 2 })
    workspace.write('go', '')
    expect(await watching.after(saved, 'stage-finished', ({ stage }) => stage === 'slow')).to.include({ round: 1 })
    expect(await watching.after(saved, 'stage-cached', ({ stage }) => stage === 'slow')).to.include({ round: 2 })
    expect(await watching.after(saved, 'run-finished', ({ round }) => round === 2)).to.include({ ran: 2, cached: 1 })
    expect(pidsOf(workspace, 'slow')).to.have.length(1)
    expect(typesOf(watching.since(0))).not.to.include.oneOf(['stage-interrupted', 'stage-failed', 'stage-skipped'])
  })

  it('that does not touch it leaves it its slot', async () => {
    const watching = await watchSlow('both-only.ts --jobs 1')
    const started = (from: Moment) => watching.after(from, 'stage-started', ({ stage }) => stage === 'text')
    const saved = watching.now()
    workspace.write('text.txt', 'another text')
    await watching.after(saved, 'run-started')
    await untilSlowRuns(watching, watching.now())
    workspace.write('go', '')
    await started(saved)
    const order = watching
      .since(saved)
      .flatMap((line) => (line.type === 'stage-finished' || line.type === 'stage-started' ? [line.stage] : []))
    expect(order.slice(0, 2)).to.deep.equal(['slow', 'text'])
  })

  it('that is a comment leaves everything alone', async () => {
    const watching = await watchSlow('slow-only.ts')
    const saved = watching.now()
    appendFileSync(workspace.file('slow-only.ts'), '// What is slow?\n')
    await watching.after(saved, 'watch-unchanged')
    workspace.write('go', '')
    expect(await watching.after(saved, 'run-finished')).to.include({ round: 1, ran: 1 })
    expect(pidsOf(workspace, 'slow')).to.have.length(1)
  })

  it('that changes its code saves its checkpoint and runs it anew; changed back, it goes on from there', async () => {
    const watching = await watchSlow('slow-only.ts')
    const { fingerprint } = await watching.after(0, 'stage-started')
    const saved = watching.now()
    workspace.write('lib/pace.ts', 'export const pace = 21\n')
    expect(await watching.after(saved, 'stage-interrupted')).to.include({ round: 1, stage: 'slow' })
    const anew = await watching.after(saved, 'stage-started')
    expect(anew).to.include({ round: 2, resumes: false }).and.not.include({ fingerprint })
    await watching.after(saved, 'stage-progress', ({ round }) => round === 2)
    expect(await watching.after(saved, 'run-finished')).to.include({ round: 1, interrupted: true })
    const reverted = watching.now()
    workspace.write('lib/pace.ts', 'export const pace = 20\n')
    expect(await watching.after(reverted, 'stage-started')).to.include({ round: 3, resumes: true, fingerprint })
    const goesOn = await watching.after(reverted, 'stage-progress', ({ round }) => round === 3)
    expect(goesOn.step).to.be.above(3)
    const pids = pidsOf(workspace, 'slow')
    expect(new Set(pids)).to.have.property('size', 3)
    workspace.write('go', '')
    expect(await watching.after(reverted, 'run-finished', ({ round }) => round === 3)).to.include({ ran: 1 })
  })

  it('that does not parse is shown with its place and waited out while the stage goes on', async () => {
    const watching = await watchSlow('slow-only.ts')
    const saved = watching.now()
    workspace.write('lib/pace.ts', 'export const pace = = 20\n')
    const { message } = await watching.after(saved, 'watch-problem')
    expect(message).to.match(/lib\/pace\.ts:1:\d+/)
    await untilSlowRuns(watching, watching.now())
    const repaired = watching.now()
    workspace.write('lib/pace.ts', 'export const pace = 20\n')
    await watching.after(repaired, 'watch-unchanged')
    workspace.write('go', '')
    expect(await watching.after(repaired, 'run-finished')).to.include({ round: 1, ran: 1 })
    expect(pidsOf(workspace, 'slow')).to.have.length(1)
  })

  it('that does not parse spoils what starts then, which is made again when it parses', async () => {
    const watching = await watchSlow('both-only.ts --jobs 1')
    const broken = watching.now()
    workspace.write('lib/word.ts', 'export const word = = 1\n')
    await watching.after(broken, 'watch-problem')
    workspace.write('go', '')
    const changed = workspace.file('lib', 'word.ts')
    expect(await watching.after(broken, 'stage-failed')).to.include({ round: 1, stage: 'text', changed })
    await watching.after(broken, 'run-finished')
    const repaired = watching.now()
    workspace.write('lib/word.ts', "export const word = 'word'\n")
    expect(await watching.after(repaired, 'run-finished')).to.include({ round: 2, ran: 2, cached: 1, failed: 0 })
  })

  it('that leaves its source as it was has its result thrown away, and it is made again at once', async () => {
    workspace.write(
      'lib/word.ts',
      "import { existsSync } from 'node:fs'\nexport const word = String(existsSync('go'))\n",
    )
    const text = readFileSync(workspace.file('text.ts'), 'utf8')
    const waiting = text
      .replace('run: (', 'run: async (')
      .replace('    appendFileSync', "    while (!existsSync('go')) await setTimeout(20)\n    appendFileSync")
      .replace(
        'import { appendFileSync',
        'import { setTimeout } from "node:timers/promises"\nimport { existsSync, appendFileSync',
      )
    workspace.write('text.ts', waiting)
    const watching = watch('text-only.ts')
    await watching.after(0, 'stage-started')
    await watching.after(0, 'watch-ready')
    const source = workspace.file('text.txt')
    utimesSync(source, new Date(), new Date())
    workspace.write('go', '')
    expect(await watching.after(0, 'stage-failed')).to.include({ round: 1, changed: source })
    expect(await watching.after(0, 'stage-finished')).to.include({ round: 2, stage: 'text' })
    await watching.after(0, 'watch-waiting')
    expect(noticed(watching.since(0))).to.deep.equal([])
    expect(pidsOf(workspace, 'text')).to.have.length(2)
  })

  it('goes on after its run was killed, once a file is saved', async () => {
    const watching = await watchSlow('slow-only.ts')
    const saved = watching.now()
    const [worker] = pidsOf(workspace, 'slow')
    const run = Number(readFileSync(`/proc/${worker}/stat`, 'utf8').split(' ')[3])
    process.kill(run, 'SIGKILL')
    expect(await endsWithin(worker, 10_000)).to.be.true
    const { message } = await watching.after(saved, 'watch-problem')
    expect(message).to.match(/run 1 was cut off: its process ended \(SIGKILL\)/)
    await watching.after(saved, 'watch-waiting')
    appendFileSync(workspace.file('slow-only.ts'), '// Again.\n')
    expect(await watching.after(saved, 'stage-started')).to.include({ round: 2, stage: 'slow', resumes: true })
  })

  it('is told of its failure, which counts for the new run too and is not tried again', async () => {
    const watching = await watchSlow('both-only.ts')
    workspace.write('fail', '')
    const saved = watching.now()
    workspace.write('text.txt', 'another text')
    await watching.after(saved, 'run-started')
    workspace.write('go', '')
    const failed = await watching.after(saved, 'stage-failed', ({ round }) => round === 2)
    expect(failed).to.include({ stage: 'slow', message: 'the moon is not full' })
    expect(await watching.after(saved, 'run-finished', ({ round }) => round === 2)).to.include({
      failed: 1,
      skipped: 1,
    })
    expect(pidsOf(workspace, 'slow')).to.have.length(1)
  })
})
