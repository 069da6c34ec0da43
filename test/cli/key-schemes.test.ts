import { createHash } from 'node:crypto'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { expect } from 'chai'
import { hashOf } from '../../src/runtime/canonical.js'
import { readChecked } from '../../src/runtime/checked-text.js'
import { keyScheme, keySchemes } from '../../src/runtime/fingerprint.js'
import { runCli } from '../support/cli.js'
import { countsOf, eventOf, eventsOf } from '../support/read-events.js'
import { joinStage, smallPipeline, writeStage } from '../support/small-pipeline.js'
import { manifestsOf } from '../support/stored-artifacts.js'
import { workspaceForAll } from '../support/workspace.js'

describe('a store of another genepool', () => {
  const workspace = workspaceForAll()
  const cli = (...args: readonly string[]) => runCli(args, { cwd: workspace.path })
  const run = () => cli('run', 'small.mjs', '--engine', 'cpu', '--json')
  const store = (...names: readonly string[]): string => workspace.file('.genepool', ...names)

  before(async () => {
    const stages = `${writeStage('one', 'text')}\n${joinStage('two', ['one'])}`
    workspace.write('small.mjs', smallPipeline(stages, 'two'))
    expect((await run()).code).to.equal(0)
    // As an older genepool has left it: manifests of an older scheme under their own fingerprints, no store.json.
    const last = JSON.parse(readChecked(readFileSync(lastFile(), 'utf8'))!) as Record<string, string>
    for (const manifest of manifestsOf(store())) {
      const identity = { ...manifest.identity, scheme: keyScheme - 1 }
      const fingerprint = hashOf(identity, 'stage')
      const body = JSON.stringify({ ...manifest, identity, fingerprint })
      rmSync(store('actions', manifest.fingerprint.slice(0, 2)), { recursive: true })
      const sum = createHash('sha256').update(body).digest('hex')
      workspace.write(`.genepool/actions/${fingerprint.slice(0, 2)}/${fingerprint}.json`, `${sum}\n${body}`)
      last[manifest.stage] = fingerprint
    }
    writeFileSync(lastFile(), JSON.stringify(last))
    rmSync(store('store.json'))
  })
  const lastFile = (): string => store('last', `${hashOf('small').slice(0, 16)}.json`)
  const notice = new RegExp(
    `this genepool's keys are scheme ${keyScheme} \\(.+\\); 2 stages of this pipeline have artifacts ` +
      `of scheme ${keyScheme - 1} that cannot be told to be the same; they will be recomputed`,
  )

  it('has a sentence for every scheme there has been, the present one last', () => {
    expect(Math.max(...Object.keys(keySchemes).map(Number))).to.be.at.least(keyScheme)
    for (let scheme = 1; scheme <= keyScheme; scheme++) expect(keySchemes[scheme], String(scheme)).to.match(/\w+ \w+/)
  })

  it('with older keys: plan says what will be recomputed and why, and does nothing', async () => {
    const { code, stdout } = await cli('plan', 'small.mjs', '--engine', 'cpu')
    expect(code).to.equal(0)
    expect(stdout).to.match(notice)
    const { stdout: lines } = await cli('plan', 'small.mjs', '--engine', 'cpu', '--json')
    expect(JSON.parse(lines.split('\n')[0])).to.deep.include({
      stage: 'one',
      status: 'run',
      reasons: [{ type: 'scheme-changed', before: keyScheme - 1, now: keyScheme }],
    })
  })

  it('with older keys: run says it before any stage starts, recomputes, and says no more', async () => {
    const first = await run()
    expect(first.code).to.equal(0)
    const types = first.events.map(({ type }) => type)
    expect(types.indexOf('warning')).to.be.within(0, types.indexOf('stage-started') - 1)
    expect(eventsOf(first.events, 'warning')[0]?.message).to.match(notice)
    expect(eventOf(first.events, 'stage-started', 'one').reasons[0]?.type).to.equal('scheme-changed')
    expect(countsOf(first)).to.deep.include({ ran: 2 })
    const second = await run()
    expect(eventsOf(second.events, 'warning')).to.deep.equal([])
    expect(countsOf(second)).to.deep.include({ ran: 0, cached: 2 })
    expect(JSON.parse(readFileSync(store('store.json'), 'utf8'))).to.deep.equal({
      format: 1,
      keySchemes: [keyScheme - 1, keyScheme],
    })
  })

  it('of a later format is refused by every command, with exit code 2, and not touched', async () => {
    workspace.write('later/store.json', '{"format":99,"keySchemes":[9]}')
    for (const words of [['run', 'small.mjs'], ['plan', 'small.mjs'], ['gc'], ['store', 'verify'], ['runs']]) {
      const { code, stderr } = await cli(...words, '--store', 'later')
      expect(code, words.join(' ')).to.equal(2)
      expect(stderr).to.match(/later has format 99, written by a later genepool; this one knows format 1\n {2}use that/)
    }
    expect(readFileSync(workspace.file('later', 'store.json'), 'utf8')).to.equal('{"format":99,"keySchemes":[9]}')
  })
})
