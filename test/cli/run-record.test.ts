import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, rmSync } from 'node:fs'
import { availableParallelism, hostname } from 'node:os'
import { expect } from 'chai'
import type { GitState } from '../../src/runtime/records/git-state.js'
import type { RunEnvironment } from '../../src/runtime/records/run-environment.js'
import { runCli } from '../support/cli.js'
import { eventsOf } from '../support/read-events.js'
import { repositoryIn, type Repository } from '../support/repository.js'
import { wordPipeline } from '../support/word-stages.js'
import { workspaceForAll } from '../support/workspace.js'

type Line = Readonly<Record<string, unknown>> & { readonly type: string }

const json = (text: string): Line => JSON.parse(text) as Line
const lines = (text: string): readonly Line[] => text.trim().split('\n').map(json)

describe('the record of a run', () => {
  const workspace = workspaceForAll()
  const genepool = (...args: readonly string[]) =>
    runCli(args, { cwd: workspace.path, env: { GENEPOOL_CACHE: 'kept' } })
  let repository: Repository
  let commit: string

  /** Runs; gives the run's id. */
  const run = async (...args: readonly string[]): Promise<string> => {
    const { events, stderr } = await genepool('run', 'words.ts', '--json', ...args)
    const [started] = eventsOf(events, 'run-started')
    expect(started, stderr).not.to.equal(undefined)
    return started.run
  }
  const shown = async (...args: readonly string[]): Promise<Line> => {
    const { code, stdout, stderr } = await genepool('show', ...args, '--json')
    expect(code, stderr).to.equal(0)
    return json(stdout)
  }
  const gitOf = async (id: string): Promise<GitState> =>
    ((await shown(id))['environment'] as { readonly git: GitState }).git

  before(() => {
    workspace.write('.gitignore', 'node_modules\n')
    workspace.write(
      'package-lock.json',
      JSON.stringify({
        packages: {
          '': { dependencies: { a: '^1' } },
          'node_modules/a': { version: '1.2.3' },
          'node_modules/b': { version: '4.0.0' },
        },
      }),
    )
    workspace.write('words.ts', wordPipeline())
    repository = repositoryIn(workspace)
    commit = repository.commit('one')
  })

  it('begins with its environment and the plan that it started from, and has the state of the repository', async () => {
    const id = await run('--jobs', '1')
    const [environment, plan, ...rest] = lines(
      readFileSync(workspace.file('.genepool', 'runs', `${id}.ndjson`), 'utf8'),
    )
    const { type, command, machine, packages, definition, ...about } = environment as unknown as RunEnvironment & Line
    expect(type).to.equal('environment')
    expect(command.slice(1)).to.deep.equal(['run', 'words.ts', '--json', '--jobs', '1'])
    expect(machine).to.deep.include({ host: hostname(), cores: availableParallelism() })
    expect(machine.memory).to.be.above(0)
    expect(packages.versions).to.deep.equal({ a: '1.2.3' })
    expect(definition.file).to.equal(workspace.file('words.ts'))
    expect(about).to.deep.include({ node: process.version, jobs: 1, reuse: 'same-engine', directory: workspace.path })
    expect(about.variables['GENEPOOL_CACHE']).to.equal('kept')
    expect(about.genepool).to.match(/^\d+\.\d+\.\d+/)
    expect(plan).to.deep.include({ type: 'plan' })
    expect((plan['stages'] as readonly Line[]).map(({ stage, status }) => [stage, status])).to.deep.include([
      'words',
      'run',
    ])
    expect(rest.find(({ type }) => type === 'git')?.['git']).to.deep.equal({
      state: 'known',
      commit,
      branch: 'trunk',
      changes: null,
    })
  })

  it('tells states of uncommitted work apart: an edit, another edit, a new file beside it', async () => {
    const states: GitState[] = []
    for (const [file, text] of [
      ['words.ts', `${wordPipeline()}// one\n`],
      ['words.ts', `${wordPipeline()}// two\n`],
      ['beside.ts', 'export {}\n'],
    ] as const) {
      workspace.write(file, text)
      states.push(await gitOf(await run()))
    }
    const changes = states.map((state) => (state.state === 'known' ? state.changes : undefined))
    expect(new Set(changes).size, JSON.stringify(changes)).to.equal(3)
    for (const each of changes) expect(each).to.match(/^[0-9a-f]{64}$/)
  })

  it('is in the list with its commit, starred where work was not committed', async () => {
    const { stdout } = await genepool('runs')
    expect(stdout.split('\n')[0]).to.match(/^run +pipeline +state .* engine +git +tags$/)
    const commits = stdout
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/ +/).at(-1))
    expect(commits).to.deep.equal([...Array<string>(3).fill(`${commit.slice(0, 10)}*`), commit.slice(0, 10)])
  })

  it('is shown whole: surroundings, plan, what became of each stage, what failed and why', async () => {
    workspace.write('words.ts', wordPipeline({ text: 'Cd', first: "throw new Error('no ink')" }))
    const id = await run()
    const whole = await shown(id)
    expect(whole).to.deep.include({ run: id, pipeline: 'words', state: 'failed', ran: 3, failed: 1 })
    const stages = whole['stages'] as readonly Line[]
    expect(stages.find(({ stage }) => stage === 'all')).to.deep.include({ state: 'failed', message: 'no ink' })
    const { stdout } = await genepool('show', id.slice(0, -2))
    expect(stdout).to.match(/^ +command +genepool run words\.ts --json$/m)
    expect(stdout).to.match(/^words +run +ran +[\d.]+ m?s +text Ab → Cd$/m)
    expect(stdout).to.match(/^all +run +failed +[\d.]+ m?s +no ink$/m)
    expect(stdout).to.match(/^3 ran, 0 cached, 1 failed, 0 not run$/m)
    workspace.write('words.ts', wordPipeline())
  })

  it('of a repository that git cannot read says why, of none that there is none; the runs are as good', async () => {
    workspace.write('.git/HEAD', 'rubbish')
    const broken = await run()
    expect(await gitOf(broken)).to.deep.include({ state: 'unknown' })
    expect(await shown(broken)).to.deep.include({ state: 'done', failed: 0 })
    rmSync(workspace.file('.git'), { recursive: true })
    const none = await run()
    expect(await gitOf(none)).to.deep.equal({ state: 'none' })
    const { stdout } = await genepool('diff', broken, none)
    expect(stdout)
      .to.match(/^git\.state +unknown +none$/m)
      .and.to.match(/no stage differs\n$/)
  })
})

describe('tags of runs', () => {
  const workspace = workspaceForAll()
  const genepool = (call: string) => runCli(call.split(' '), { cwd: workspace.path })
  const ids: string[] = []

  before(async () => {
    workspace.write('words.ts', wordPipeline())
    for (let count = 0; count < 2; count++) {
      const { events } = await genepool('run words.ts --json')
      ids.push(eventsOf(events, 'run-started')[0].run)
    }
  })

  it('name a run: a file with its id and the hash of its record, a word for show and diff, a filter of the list', async () => {
    expect((await genepool(`runs tag ${ids[0]} paper-1`)).code).to.equal(0)
    const record = readFileSync(workspace.file('.genepool', 'runs', `${ids[0]}.ndjson`))
    expect(readFileSync(workspace.file('.genepool', 'tags', 'paper-1'), 'utf8')).to.equal(
      `${ids[0]} ${createHash('sha256').update(record).digest('hex')}\n`,
    )
    expect(json((await genepool('show paper-1 --json')).stdout)).to.deep.include({ run: ids[0], tags: ['paper-1'] })
    const tagged = await genepool('runs --tag paper-1 --json')
    expect(lines(tagged.stdout).map(({ run }) => run)).to.deep.equal([ids[0]])
    const { stdout } = await genepool(`diff paper-1 ${ids[1]}`)
    expect(stdout).to.match(/the same: words(, \w+){3}\n\nnothing differs\n$/)
  })

  it('are taken away again', async () => {
    expect((await genepool('runs untag paper-1')).stdout).to.equal(`run ${ids[0]} has the tag paper-1 no more\n`)
    expect(readdirSync(workspace.file('.genepool', 'tags'))).to.deep.equal([])
  })

  for (const [call, says, hint] of [
    ['runs tag 20200101-000000 x', /there is no run '20200101-000000' in \.genepool/, /genepool runs .* lists/],
    ['runs tag RUN ../x', /'\.\.\/x' cannot be a run's tag/, /up to 64 letters/],
    ['runs untag nothing', /no run has the tag 'nothing'/, /./],
    ['runs --tag nothing', /no run has the tag 'nothing'/, /./],
    ['show nothing', /there is no run 'nothing'/, /genepool runs/],
    ['show words.ts', /words\.ts is a file: name the stage to show too/, /genepool show words\.ts STAGE/],
  ] as const) {
    it(`${call} → exit code 2, a sentence and a hint`, async () => {
      const { code, stdout, stderr } = await genepool(call.replace('RUN', ids[0]))
      expect(stderr.split('\n')[0]).to.match(says)
      expect(stderr.split('\n')[1]).to.match(hint)
      expect([code, stdout]).to.deep.equal([2, ''])
    })
  }
})
