import {
  chmodSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { expect } from 'chai'
import type { Manifest } from '../../src/runtime/store/store.js'
import { planProbe, runProbe, type ProbeStages } from '../support/probe.js'
import { contentsOf, countsOf, eventOf, eventsOf, stagesWith } from '../support/read-events.js'
import { workspaceForAll } from '../support/workspace.js'

const stages = (extra: ProbeStages = {}): ProbeStages => ({
  source: { kind: 'write', params: { text: 'source' } },
  middle: { kind: 'join', reads: { source: 'source' } },
  result: { kind: 'measure', reads: { from: 'middle' } },
  ...extra,
})
/** Two more readers of `middle`. */
const readers: ProbeStages = {
  late: { kind: 'join', reads: { middle: 'middle', source: 'source' } },
  later: { kind: 'join', reads: { middle: 'middle', result: 'result' } },
}

const flipBit = (path: string): void => {
  chmodSync(path, 0o644)
  const bytes = readFileSync(path)
  const at = bytes.length >> 1
  bytes[at] = (bytes[at] ?? 0) ^ 1
  writeFileSync(path, bytes)
}

describe('a damaged store', () => {
  const workspace = workspaceForAll()
  let contents: Readonly<Record<string, string>> = {}
  let fingerprints: Readonly<Record<string, string>> = {}

  const actionOf = (stage: string): string =>
    workspace.file('store', 'actions', fingerprints[stage]!.slice(0, 2), `${fingerprints[stage]}.json`)
  const blobOf = (stage: string): string => {
    const manifest = JSON.parse(readFileSync(actionOf(stage), 'utf8').split('\n')[1]!) as Manifest
    const { sha256 } = manifest.files['value.txt']!
    return workspace.file('store', 'blobs', sha256.slice(0, 2), sha256)
  }

  const quarantined = (): number => {
    const folder = workspace.file('store', 'quarantine')
    return existsSync(folder) ? readdirSync(folder).length : 0
  }

  // Each test damages the store and heals it again.
  before(async () => {
    const { events } = await runProbe(workspace, stages())
    contents = contentsOf(events)
    fingerprints = Object.fromEntries(
      eventsOf(events, 'stage-finished').map(({ stage, fingerprint }) => [stage, fingerprint]),
    )
    expect(Object.keys(contents)).to.have.length(3)
  })

  it('with a blob gone: its stage alone runs', async () => {
    rmSync(blobOf('middle'))
    const plan = await planProbe(workspace, stages())
    expect(plan['middle']).to.deep.include({ status: 'run', reasons: [{ type: 'artifact-missing' }] })
    expect(plan['result']?.status).to.equal('maybe')
    const run = await runProbe(workspace, stages())
    expect(contentsOf(run.events)).to.deep.equal({ middle: contents['middle'] })
    expect(eventOf(run.events, 'stage-finished', 'middle').unchanged).to.be.false
  })

  it('with a flipped bit in what two new stages read: quarantined, made again once, results as ever', async () => {
    const blob = blobOf('middle')
    const good = readFileSync(blob, 'utf8')
    flipBit(blob)
    const run = await runProbe(workspace, stages(readers))
    expect(run.code).to.equal(0)
    expect(eventsOf(run.events, 'warning')[0]?.message).to.match(/artifact of middle is damaged \(value\.txt\)/)
    expect(eventOf(run.events, 'stage-finished', 'middle').content).to.equal(contents['middle'])
    expect(eventOf(run.events, 'stage-started', 'middle').reasons).to.deep.equal([{ type: 'artifact-corrupt' }])
    expect(stagesWith(run.events, 'stage-finished')).to.deep.equal(['late', 'later', 'middle'])
    expect(countsOf(run)).to.deep.equal({ ran: 3, cached: 2, failed: 0, skipped: 0 })
    expect(readFileSync(blob, 'utf8')).to.equal(good)
    expect(quarantined()).to.equal(1)
    expect(countsOf(await runProbe(workspace, stages(readers)))).to.deep.include({ ran: 0, cached: 5 })
  })

  it('with a flipped bit in a result: no hit, though nothing else would have read it', async () => {
    flipBit(blobOf('result'))
    const run = await runProbe(workspace, stages())
    expect(stagesWith(run.events, 'stage-finished')).to.deep.equal(['result'])
    expect(eventOf(run.events, 'stage-started', 'result').reasons).to.deep.equal([{ type: 'artifact-corrupt' }])
    expect(contentsOf(run.events)).to.deep.equal({ result: contents['result'] })
  })

  it('with a blob cut short: its stage alone runs', async () => {
    chmodSync(blobOf('middle'), 0o644)
    truncateSync(blobOf('middle'), 2)
    const run = await runProbe(workspace, stages())
    expect(contentsOf(run.events)).to.deep.equal({ middle: contents['middle'] })
    expect(eventOf(run.events, 'stage-started', 'middle').reasons).to.deep.equal([{ type: 'artifact-corrupt' }])
  })

  for (const [what, damage] of [
    ['cut short', (path: string) => truncateSync(path, statSync(path).size - 10)],
    ['emptied', (path: string) => truncateSync(path, 0)],
    ['with a flipped bit', flipBit],
  ] as const) {
    it(`with a manifest ${what}: quarantined, and its stage alone runs`, async () => {
      const before = quarantined()
      damage(actionOf('middle'))
      const run = await runProbe(workspace, stages())
      expect(contentsOf(run.events)).to.deep.equal({ middle: contents['middle'] })
      expect(eventOf(run.events, 'stage-started', 'middle').reasons).to.deep.equal([{ type: 'artifact-corrupt' }])
      expect(quarantined()).to.equal(before + 1)
    })
  }

  it('with indices and records full of rubbish: as if they were not there', async () => {
    for (const folder of ['index', 'last']) {
      for (const name of readdirSync(workspace.file('store', folder)))
        workspace.write(`store/${folder}/${name}`, 'nonsense')
    }
    expect(countsOf(await runProbe(workspace, stages()))).to.deep.include({ ran: 0, cached: 3 })
  })

  it('with everything but the artifacts gone: all is cached', async () => {
    for (const folder of ['index', 'last', 'runs', 'locks', 'staging', 'checkpoints', 'artifacts']) {
      expect(existsSync(workspace.file('store', folder)), folder).to.be.true
      rmSync(workspace.file('store', folder), { recursive: true })
    }
    expect(countsOf(await runProbe(workspace, stages()))).to.deep.include({ ran: 0, cached: 3 })
  })
})
