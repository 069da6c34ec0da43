import { rmSync, watch } from 'node:fs'
import { dirname } from 'node:path'
import { expect } from 'chai'
import { thisProcess } from '../../src/base/process.js'
import { acceptancesOf } from '../../src/runtime/code/acceptances.js'
import type { AcceptedEdit } from '../../src/runtime/code/accepted-edits.js'
import type { Manifest } from '../../src/runtime/store/store.js'
import type { Finished } from '../support/child.js'
import { runCli } from '../support/cli.js'
import { countsOf, eventOf } from '../support/read-events.js'
import { workspaceForAll } from '../support/workspace.js'

const files = {
  'own.ts': `import { pipeline } from 'genepool'
import { train } from './stages.js'
export default pipeline('own').add(train)
`,
  'stages.ts': `import { writeFileSync } from 'node:fs'
import { stage } from 'genepool'
import { kdLoss, other } from './losses.js'
import { kdLoss as feature } from './feature.js'
export const train = stage('train', {
  run: ({ outDir }) => writeFileSync(outDir + '/a.txt', String([kdLoss(2), feature(2), other()])),
})
`,
  'losses.ts': `export const kdLoss = (x: number): number => x * 2
export const other = (): number => 1
`,
  'feature.ts': 'export const kdLoss = (x: number): number => x + 1\n',
}

describe('an edit that is declared harmless', () => {
  const workspace = workspaceForAll()
  const genepool = (...args: readonly string[]): Promise<Finished> => runCli(args, { cwd: workspace.path })
  const run = async () => countsOf(await genepool('run', 'own.ts', '--json'))
  const accepted = async (): Promise<readonly AcceptedEdit[]> =>
    (await genepool('accept', '--list', '--json')).stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as AcceptedEdit)

  /** With a helper taken out of it: it computes the same, and says it differently. */
  const refactored = files['losses.ts'].replace(
    'export const kdLoss = (x: number): number => x * 2',
    'const doubled = (x: number): number => 2 * x\nexport const kdLoss = (x: number): number => doubled(x)',
  )

  before(async () => {
    for (const [name, text] of Object.entries(files)) workspace.write(name, text)
    expect(await run()).to.deep.include({ ran: 1 })
  })

  it('has to be one that was made, and to have a reason', async () => {
    const unchanged = await genepool('accept', 'kdLoss', '--reason', 'none')
    expect(unchanged.code).to.equal(2)
    expect(unchanged.stderr).to.match(/kdLoss has not changed since the stages of own\.ts last ran/)
    const silent = await genepool('accept', 'kdLoss')
    expect(silent.code).to.equal(2)
    expect(silent.stderr).to.match(/say why/)
    expect((await genepool('accept', '--reason', 'none')).code).to.equal(2)
  })

  it('has to be of one declaration: of two of that name both are named', async () => {
    workspace.write('losses.ts', refactored)
    workspace.write('feature.ts', 'export const kdLoss = (x: number): number => 1 + x\n')
    const { code, stderr } = await genepool('accept', 'kdLoss', '--reason', 'none')
    expect(code).to.equal(2)
    expect(stderr).to.match(/2 declarations.*\n.*feature\.ts:kdLoss, losses\.ts:kdLoss/)
    workspace.write('feature.ts', files['feature.ts'])
  })

  it('runs nothing again, together with the helper that only it uses, and is kept with who, when and why', async () => {
    expect((await genepool('plan', 'own.ts')).stdout).to.match(/kdLoss \(losses\.ts:2\) changed/)
    const { code, stdout } = await genepool('accept', 'losses.ts:kdLoss', 'own.ts', '--reason', 'a helper taken out')
    expect(code).to.equal(0)
    expect(stdout).to.match(/losses\.ts:kdLoss counts as before in train, with losses\.ts:doubled/)
    expect(await run()).to.deep.include({ ran: 0, cached: 1 })
    const [edit] = await accepted()
    expect(edit).to.deep.include({ name: 'kdLoss', file: 'losses.ts', reason: 'a helper taken out' })
    expect(edit.by.name).not.to.equal('')
    expect(Date.now() - Date.parse(edit.at)).to.be.within(0, 120_000)
    expect((await genepool('explain', 'own.ts')).stdout).to.match(/accepted edits of losses\.ts:kdLoss/)
    const manifest = JSON.parse((await genepool('show', 'own.ts', 'train', '--json')).stdout) as Manifest
    const { since, within } = acceptancesOf(workspace.file('.genepool'), manifest.identity.code)
    expect([since.map(({ id }) => id), within]).to.deep.equal([[edit.id], []])
  })

  it('is said to be accepted already, and nothing is accepted twice', async () => {
    const [edit] = await accepted()
    for (const written of ['kdLoss', 'losses.ts:kdLoss']) {
      const { code, stdout, stderr } = await genepool('accept', written, '--reason', 'once more')
      expect([code, stderr], written).to.deep.equal([0, ''])
      expect(stdout).to.match(/^losses\.ts:kdLoss counts as before already: accepted .* by /)
      expect(stdout).to.include(`genepool accept --revoke ${edit.id} takes it back`)
    }
    expect(await accepted()).to.deep.equal([edit])
    const other = await genepool('accept', 'other', '--reason', 'none')
    expect([other.code, other.stdout]).to.deep.equal([2, ''])
    expect(other.stderr).to.match(/other has not changed since/)
  })

  it('does not cover the next edit of the declaration, nor one of its helper, nor one of another', async () => {
    for (const [from, to] of [
      ['doubled(x)', 'doubled(x) + 1'],
      ['2 * x', '3 * x'],
      ['=> 1', '=> 2'],
    ] as const) {
      workspace.write('losses.ts', refactored.replace(from, to))
      expect((await genepool('plan', 'own.ts')).stdout, to).to.match(/1 to run/)
    }
  })

  it('is known of what is made while it is in force', async () => {
    workspace.write('losses.ts', refactored.replace('=> 1', '=> 3'))
    const { events } = await genepool('run', 'own.ts', '--json')
    expect(eventOf(events, 'stage-started', 'train').reasons).to.have.length(1)
    const manifest = JSON.parse((await genepool('show', 'own.ts', 'train', '--json')).stdout) as Manifest
    const { within } = acceptancesOf(workspace.file('.genepool'), manifest.identity.code)
    expect(within.map(({ reason }) => reason)).to.deep.equal(['a helper taken out'])
    const lineage = await genepool('lineage', 'own.ts', 'train')
    expect(lineage.stdout).to.match(/accepted +losses\.ts:kdLoss by .+: a helper taken out/)
    workspace.write('losses.ts', refactored)
    expect(await run()).to.deep.include({ ran: 0, cached: 1 })
  })

  it('counts again once it is revoked, and stays on record', async () => {
    const { code, stdout } = await genepool('accept', '--revoke', 'kdLoss')
    expect(code).to.equal(0)
    expect(stdout).to.match(/kdLoss counts again/)
    expect((await genepool('plan', 'own.ts')).stdout).to.match(/1 to run/)
    expect((await accepted())[0]?.revokedAt).to.be.a('string')
    expect((await genepool('accept', '--revoke', 'kdLoss')).code).to.equal(2)
  })

  for (const [what, args] of [
    ['accepted', ['accept', 'kdLoss', 'own.ts', '--reason', 'once more']],
    ['revoked', ['accept', '--revoke', 'kdLoss']],
  ] as const) {
    it(`is ${what} after somebody else has changed the list: neither change is lost`, async () => {
      const lock = workspace.write(
        '.genepool/locks/accepted-edits.lock',
        JSON.stringify({ ...thisProcess, token: '0' }),
      )
      const watcher = watch(dirname(lock))
      const waits = new Promise<string>((resolve) =>
        watcher.on('change', (_, name) => String(name).startsWith('accepted-edits.lock.') && resolve('it waits')),
      )
      const call = genepool(...args)
      const first = await Promise.race([waits, call.then(() => 'it is done')])
      watcher.close()
      expect(first).to.equal('it waits')
      const before = await accepted()
      const theirs = { ...before[0], id: what, name: `theirs, ${what}` }
      workspace.write('.genepool/code/accepted.json', JSON.stringify({ edits: [...before, theirs] }))
      rmSync(lock)
      expect((await call).code).to.equal(0)
      const after = await accepted()
      expect(after.map(({ name }) => name)).to.include.members([...before.map(({ name }) => name), theirs.name])
      expect(after.filter(({ name, revokedAt }) => name === 'kdLoss' && revokedAt === undefined)).to.have.length(
        what === 'accepted' ? 1 : 0,
      )
    })
  }
})
