import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { expect } from 'chai'
import type { RunEvent } from '../../src/runtime/events.js'
import type { Finished } from '../support/child.js'
import { runCli, startCli } from '../support/cli.js'
import { countsOf, eventOf, eventsOf } from '../support/read-events.js'
import { workspaceForAll } from '../support/workspace.js'

const definition = (talk = "console.log('one', { a: 1 })"): string => `
import { appendFileSync, existsSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline, stage } from 'genepool'

const leave = (outDir: string): void => writeFileSync(join(outDir, 'out'), 'the same')
const talks = stage('talks', {
  run: ({ outDir }) => {
    ${talk}
    console.error('two')
    process.stdout.write('thr')
    process.stderr.write('ee ✓\\n')
    writeSync(1, 'four\\n')
    console.info('\\u001b[2J\\u001b]0;title\\u0007five\\rFIVE')
    process.stdout.write('six')
    leave(outDir)
  },
})
const silent = stage('silent', { run: ({ outDir }) => leave(outDir) })
const fails = stage('fails', {
  run: () => {
    console.log('before the end')
    throw new Error('no ink')
  },
})
const crashes = stage('crashes', {
  run: () => {
    process.stdout.write('half a line')
    process.exit(3)
  },
})
const warm = (word: string) =>
  stage('warm-' + word, {
    params: { word },
    warm: true,
    run: ({ params, outDir }) => {
      process.stdout.write(params.word)
      leave(outDir)
    },
  })
export default pipeline('talk').add(talks).add(silent).add(fails).add(crashes).add(warm('a')).add(warm('b'))
`

const printed = ['one { a: 1 }', 'two', 'three ✓', 'four', '\u001b[2J\u001b]0;title\u0007five\rFIVE', 'six']

describe('what a stage prints', () => {
  const workspace = workspaceForAll()
  const cli = (call: string): Promise<Finished> => runCli(call.split(' '), { cwd: workspace.path })
  let first: Finished

  before(async () => {
    workspace.write('talk.ts', definition())
    first = await cli('run talk.ts --json --jobs 1 --retries 1 --retry-delay 1ms')
  })

  it('is printed by genepool logs, in its order, of a cached stage as well', async () => {
    expect(countsOf(first)).to.deep.equal({ ran: 4, cached: 0, failed: 2, skipped: 0 })
    for (const call of ['logs talks', 'logs talk.ts talks']) {
      const { code, stdout, stderr } = await cli(call)
      expect([code, stdout]).to.deep.equal([0, printed.join('\n')])
      expect(stderr).to.match(/^genepool: talks as it was made at \S+ by run \S+\n$/)
    }
    const again = await cli('run talk.ts --json --jobs 1 --retries 0')
    expect(countsOf(again)).to.deep.equal({ ran: 0, cached: 4, failed: 2, skipped: 0 })
    const { run } = eventsOf(again.events, 'run-started')[0]
    expect((await cli(`logs ${run} talks`)).stdout).to.equal(printed.join('\n'))
  })

  it("is that stage's own where several share a process", async () => {
    expect((await cli('logs warm-a')).stdout).to.equal('a')
    expect((await cli('logs warm-b')).stdout).to.equal('b')
  })

  it('is no part of its artifact', async () => {
    const { content } = eventOf(first.events, 'stage-finished', 'talks')
    workspace.write('louder.ts', definition("console.log('ONE')"))
    const louder = await cli('run louder.ts --json --only talks')
    expect(eventOf(louder.events, 'stage-finished', 'talks').content).to.equal(content)
    expect((await cli('logs louder.ts talks')).stdout).to.match(/^ONE\ntwo\n/)
    expect((await cli('logs talk.ts talks')).stdout).to.match(/^one/)
  })

  it('is kept of one that failed, with its run, and the failure says how to look at it', async () => {
    const { log } = eventOf(first.events, 'stage-failed', 'fails')
    expect(readFileSync(log!, 'utf8')).to.equal('before the end\n')
    const { stdout, stderr } = await cli('logs fails')
    expect(stdout).to.equal('before the end\n')
    expect(stderr).to.match(/^genepool: fails in run \S+, where it failed: no ink\n$/)
    const { run } = eventsOf(first.events, 'run-started')[0]
    expect(JSON.parse((await cli(`logs ${run} fails --json`)).stdout)).to.deep.include({
      run,
      stage: 'fails',
      state: 'failed',
      text: 'before the end\n',
    })
    const crash = /^half a line\n\[the worker ended .*exit code 3.*; attempt 2 of 2\]\nhalf a line$/
    expect((await cli(`logs ${run} crashes`)).stdout, 'of all attempts').to.match(crash)
    const plain = await cli('run talk.ts --store other --only fails')
    expect(plain.stdout).to.match(/^ {4}what it printed: genepool logs fails --store other$/m)
    expect(plain.stdout).not.to.include('before the end')
  })

  it('is a sentence where there is nothing, and where nothing is called so', async () => {
    const { code, stdout, stderr } = await cli('logs silent')
    expect([code, stdout]).to.deep.equal([0, ''])
    expect(stderr).to.match(/^genepool: silent as it was made .*: it printed nothing\n$/)
    expect(eventsOf(first.events, 'run-started')).to.have.length(1)
    for (const [call, says] of [
      ['logs nobody', /no run in \.genepool has begun to compute a stage 'nobody'\n {2}genepool runs/],
      ['logs talk.ts', /talk\.ts is a file: name the stage too/],
      ['logs talk.ts nobody', /there is no stage 'nobody' in pipeline 'talk'/],
      ['logs nobody talks', /there is no run 'nobody'/],
    ] as const) {
      const answer = await cli(call)
      expect([answer.code, answer.stdout], call).to.deep.equal([2, ''])
      expect(answer.stderr, call).to.match(says)
    }
  })

  it('is shown as it comes with --verbose, each line with the stage, harmless to a terminal', async () => {
    const { stdout } = await cli('run talk.ts --verbose --store live --only talks')
    const lines = stdout.split('\n').filter((line) => line.startsWith('talks | '))
    expect(lines).to.deep.equal(
      ['one { a: 1 }', 'two', 'three ✓', 'four', 'FIVE', 'six'].map((line) => `talks | ${line}`),
    )
    expect(stdout).not.to.match(/[^\P{Cc}\n]/u)
  })

  it('leaves --json as it is: with --verbose it comes as events, without it does not', async () => {
    expect(first.events.length, 'every line is an event').to.equal(first.stdout.trim().split('\n').length)
    expect(eventsOf(first.events, 'stage-printed')).to.deep.equal([])
    const { stdout, events } = await cli('run talk.ts --json --verbose --store json --only talks')
    expect(events.length).to.equal(stdout.trim().split('\n').length)
    expect(eventsOf(events, 'stage-printed').flatMap(({ lines }) => lines)).to.deep.equal(printed)
  })

  it('goes from store to store with its artifact, is no damage, and goes with it', async () => {
    workspace.write('louder.ts', definition('').replace('.add(fails).add(crashes)', ''))
    expect((await cli('run louder.ts --store one --jobs 1')).code).to.equal(0)
    expect((await cli('store export louder.ts one.tar --store one')).code).to.equal(0)
    expect((await cli('store import one.tar --store two')).code).to.equal(0)
    const { stdout } = await cli('logs talks --store two')
    expect(stdout).to.match(/^two\nthree/)
    expect((await cli('store verify --store two')).code).to.equal(0)
    const blobs = (): readonly string[] =>
      readdirSync(workspace.file('two', 'blobs'), { recursive: true, encoding: 'utf8' }).filter((name) =>
        /[0-9a-f]{64}$/.test(name),
      )
    const log = blobs().find((name) => readFileSync(workspace.file('two', 'blobs', name), 'utf8') === stdout)!
    expect((await cli('gc --store two')).code).to.equal(0)
    expect(existsSync(workspace.file('two', 'blobs', log)), 'while its artifact is there').to.equal(true)
    rmSync(workspace.file('two', 'blobs', log), { force: true })
    expect((await cli('store verify --store two')).code).to.equal(0)
    expect((await cli('logs talks --store two')).stderr).to.match(/its log is gone or damaged/)
    expect(countsOf(await cli('run louder.ts --store two --json'))).to.deep.include({ ran: 0, cached: 4 })
    rmSync(workspace.file('louder.ts'))
    expect((await cli('gc --store two --keep-days 0')).code).to.equal(0)
    expect(blobs()).to.deep.equal([])
    expect((await cli('logs talks --store two')).stderr).to.match(/the artifact of talks .* is gone, and its log with/)
  })

  it('of failed stages is removed by gc once it is old enough, unless their run has a tag', async () => {
    const logsIn = (store: string): number =>
      readdirSync(workspace.file(store, 'runs')).filter((name) => name.endsWith('.log')).length
    const { run } = eventsOf(first.events, 'run-started')[0]
    expect((await cli(`runs tag ${run} kept`)).code).to.equal(0)
    expect(logsIn('.genepool')).to.equal(4)
    expect((await cli('gc')).code).to.equal(0)
    expect(logsIn('.genepool')).to.equal(4)
    const { stdout } = await cli('gc --keep-days 0')
    expect(stdout).to.match(/^log +2 /m)
    expect((await cli(`logs ${run} fails`)).stdout).to.equal('before the end\n')
  })
})

describe('what a stage prints in masses, while it computes', () => {
  const workspace = workspaceForAll()
  const cli = (call: string): Promise<Finished> => runCli(call.split(' '), { cwd: workspace.path })

  it('is there before the stage ends, and kept with its first and its last part alone', async () => {
    workspace.write(
      'masses.mjs',
      `import { existsSync, writeFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { pipeline, stage } from 'genepool'
export default pipeline('masses').add(stage('masses', {
  params: { go: ${JSON.stringify(workspace.file('go'))} },
  trusts: ['clock'],
  run: async ({ params, outDir }) => {
    console.log('the beginning')
    while (!existsSync(params.go)) await setTimeout(20)
    for (let line = 0; line < 40_000; line++) console.log(String(line).padStart(49, '.'))
    process.stdout.write('x'.repeat(1_000_000))
    console.log('\\nthe end')
    writeFileSync(outDir + '/out', '')
  },
}))`,
    )
    const running = startCli(['run', 'masses.mjs', '--json', '--verbose'], { cwd: workspace.path })
    const isPrinted = (event: RunEvent): boolean => event.type === 'stage-printed'
    expect(await running.waitFor(isPrinted)).to.deep.include({ stage: 'masses', lines: ['the beginning'] })
    for (let tries = 0; tries < 50; tries++) {
      if ((await cli('logs masses')).stdout !== '') break
    }
    const live = await cli('logs masses')
    expect(live.stdout).to.equal('the beginning\n')
    expect(live.stderr).to.match(/masses in run \S+, where it is being computed\n$/)
    workspace.write('go', '')
    const { code, stdout } = await running.done
    expect(code).to.equal(0)
    expect(stdout).to.include(String(39_999).padStart(49, '.'))
    const log = await cli('logs masses')
    expect(log.stdout).to.match(/^the beginning\n\.+0\n\.+1\n/)
    expect(log.stdout).to.match(/\n\[[\d.]+ MiB left out here: .*\]\nx+\nthe end\n$/)
    expect(log.stdout.length).to.be.within(1_000_000, 1_100_000)
    expect(readdirSync(workspace.file('.genepool', 'runs')).filter((name) => name.endsWith('.log'))).to.deep.equal([])
  })
})
