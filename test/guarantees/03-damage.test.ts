import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import { runCli } from '../support/cli.js'
import { countsOf, eventsOf, stagesWith } from '../support/read-events.js'
import { copyStage, joinStage, smallPipeline } from '../support/small-pipeline.js'
import { blobOf, hitsOf, manifestsOf } from '../support/stored-artifacts.js'
import { workspaceForAll } from '../support/workspace.js'

/** Ways in which a file may be found broken. */
const damages: Readonly<Record<string, (file: string) => void>> = {
  'with a flipped bit': (file) => {
    const bytes = readFileSync(file)
    const at = bytes.length >> 1
    bytes[at] = (bytes[at] ?? 0) ^ 1
    chmodSync(file, 0o644)
    writeFileSync(file, bytes)
  },
  // As a disk would do it: size and times stay as they are.
  'with a flipped bit and its old times': (file) => {
    const { atime, mtime } = statSync(file)
    damages['with a flipped bit']!(file)
    utimesSync(file, atime, mtime)
  },
  'cut in half': (file) => truncateSync(file, statSync(file).size >> 1),
  emptied: (file) => truncateSync(file, 0),
  deleted: (file) => rmSync(file),
  'replaced by a folder': (file) => {
    rmSync(file)
    mkdirSync(join(file, 'inside'), { recursive: true })
  },
  // Nobody can read it, whoever asks: a link that leads to itself.
  unreadable: (file) => {
    rmSync(file, { recursive: true })
    symlinkSync(file, file)
  },
  'full of rubbish': (file) => {
    chmodSync(file, 0o644)
    writeFileSync(file, '\u0000{"": [null, 5, "x"]}\nrubbish\n[]\n7\nnull\n')
  },
  'valid JSON of nothing': (file) => {
    chmodSync(file, 0o644)
    writeFileSync(file, 'null')
  },
}

describe('A flipped bit or a deleted blob is detected, quarantined and rebuilt', () => {
  const workspace = workspaceForAll()
  const store = (...names: readonly string[]): string => workspace.file('.genepool', ...names)
  const cli = (...args: readonly string[]) => runCli(args, { cwd: workspace.path })
  const run = () => cli('run', 'small.mjs', '--engine', 'cpu', '--json')
  const values = (): readonly string[] => [...hitsOf(store()).values()].sort()
  const quarantined = (): readonly string[] => (existsSync(store('quarantine')) ? readdirSync(store('quarantine')) : [])
  const manifestOf = (stage: string) => manifestsOf(store()).find((manifest) => manifest.stage === stage)!
  const only = (folder: string): string =>
    join(folder, readdirSync(folder).filter((name) => !name.endsWith('.tmp'))[0]!)
  const honest = ['copy(hello)', 'hello', 'top(copy(hello))']

  const codeRecord = (): string => {
    const digest = String(manifestOf('top').identity.code)
    return store('code', digest.slice(0, 2), `${digest}.json`)
  }

  /** Every kind of file that a store has. */
  const kinds: Readonly<Record<string, () => string>> = {
    'the blob of a result': () => blobOf(store(), manifestOf('top').files['value.txt']!.sha256),
    'the blob of an input': () => blobOf(store(), manifestOf('first').files['value.txt']!.sha256),
    'the manifest of a result': () => {
      const { fingerprint } = manifestOf('top')
      return store('actions', fingerprint.slice(0, 2), `${fingerprint}.json`)
    },
    'the manifest of an input': () => {
      const { fingerprint } = manifestOf('first')
      return store('actions', fingerprint.slice(0, 2), `${fingerprint}.json`)
    },
    'a file shown in artifacts/': () => store('artifacts', manifestOf('top').fingerprint, 'value.txt'),
    'store.json': () => store('store.json'),
    'the index of code': () => store('index', 'code.json'),
    'the index of what stages reach': () => store('index', 'code-entries.json'),
    'the index of external files': () => store('index', 'sources.json'),
    'the index of verified files': () => store('index', 'verified.txt'),
    'what stages were last': () => only(store('last')),
    'a known definition': () => only(store('targets')),
    'a record of code': codeRecord,
    'the record of a run': () => only(store('runs')),
  }

  before(async () => {
    workspace.write('in.txt', 'hello')
    const stages = [copyStage('first'), joinStage('copy', ['first']), joinStage('top', ['copy'])].join('\n')
    workspace.write('small.mjs', smallPipeline(stages, 'top'))
    expect((await run()).code).to.equal(0)
    expect(values()).to.deep.equal(honest)
  })

  it('every kind of file damaged at once, in any way: no crash, no wrong hit, whole after one run', async function () {
    this.timeout(600_000)
    for (const [how, damage] of Object.entries(damages)) {
      const places = Object.values(kinds).map((place) => place())
      for (const place of places) if (existsSync(place)) damage(place)
      const { code, stderr } = await run()
      expect([code, stderr], how).to.deep.equal([0, ''])
      expect(values(), how).to.deep.equal(honest)
    }
  })

  /** GENEPOOL_LONG=1: each kind of file alone, in each way. */
  const long = process.env['GENEPOOL_LONG'] === '1'
  const alone = Object.entries(kinds).filter(
    ([kind]) => long || /^(the blob|the manifest of a result|a file shown)/.test(kind),
  )
  const ways = Object.entries(damages).filter(([how]) => long || /^(with a flipped bit and|deleted|valid)/.test(how))
  for (const [kind, place] of alone) {
    it(`${kind}, damaged alone: no crash, no wrong hit, whole again after one run`, async function () {
      this.timeout(600_000)
      for (const [how, damage] of ways) {
        // A record of the past cannot be made again.
        if (/^(the record of a run|a record of code)$/.test(kind) && !existsSync(place())) continue
        const what = `${kind} ${how}`
        // Read, and written again, where it is not known what stages reach.
        if (kind === 'the index of code') rmSync(store('index', 'code-entries.json'), { force: true })
        damage(place())
        const { code, stderr, events } = await run()
        // Nothing is read back from there: it is mended for who looks at it.
        if (kind.includes('artifacts/')) {
          expect((await cli('show', 'small.mjs', 'top', '--engine', 'cpu')).code, what).to.equal(0)
          expect(readFileSync(place(), 'utf8'), what).to.equal('top(copy(hello))')
        }
        expect(code, `${what}: ${stderr}`).to.equal(0)
        expect(stderr, what).to.equal('')
        expect(events.at(-1)?.type, what).to.equal('run-finished')
        expect(values(), what).to.deep.equal(honest)
      }
      expect(countsOf(await run())).to.deep.include({ ran: 0, cached: 3 })
    })
  }

  it('each of them deleted with its whole folder: the same', async function () {
    this.timeout(600_000)
    for (const [kind, place] of Object.entries(kinds)) {
      const folder = kind === 'store.json' ? store('store.json') : dirname(place())
      rmSync(folder, { recursive: true, force: true })
      const { code, stderr } = await run()
      expect([code, stderr], kind).to.deep.equal([0, ''])
      expect(values(), kind).to.deep.equal(honest)
    }
  })

  it('a flipped bit in a blob makes that stage run, alone, and leaves the bad bytes in quarantine', async () => {
    const before = quarantined().length
    damages['with a flipped bit and its old times']!(kinds['the blob of a result']!())
    const { events } = await run()
    expect(stagesWith(events, 'stage-finished')).to.deep.equal(['top'])
    expect(quarantined()).to.have.length(before + 1)
    expect(eventsOf(events, 'warning')[0]?.message).to.match(/artifact of top is damaged \(value\.txt\)/)
  })

  it('what nobody changed is not read again: a store without rights to read its blobs still serves', async () => {
    expect(countsOf(await run())).to.deep.include({ cached: 3 })
    const { sha256 } = manifestOf('top').files['value.txt']!
    const index = readFileSync(store('index', 'verified.txt'), 'utf8')
    const last = index.split('\n').findLast((line) => line.startsWith(sha256))!
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(blobOf(store(), sha256), { bigint: true })
    expect(last.split(' ')[1]).to.equal([dev, ino, size, mtimeNs, ctimeNs].join(':'))
    await run()
    expect(readFileSync(store('index', 'verified.txt'), 'utf8'), 'hashed again').to.equal(index)
  })

  it('store verify reads everything, says what is damaged and what will be made again, and ends with 1', async () => {
    expect((await cli('show', 'small.mjs', 'top', '--engine', 'cpu')).code).to.equal(0)
    const whole = await cli('store', 'verify', '--json')
    expect(whole.code, whole.stdout).to.equal(0)
    const { fingerprint } = manifestOf('first')
    const [blob, shown] = [kinds['the blob of an input']!(), kinds['a file shown in artifacts/']!()]
    // As a disk rots: below the file system, where no time moves. Here the index is told so.
    damages['with a flipped bit and its old times']!(blob)
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(blob, { bigint: true })
    const identity = [dev, ino, size, mtimeNs, ctimeNs].join(':')
    const name = blob.slice(blob.lastIndexOf('/') + 1)
    writeFileSync(store('index', 'verified.txt'), `${name} ${identity} ${Date.now() + 60_000}\n`)
    rmSync(shown)
    writeFileSync(shown, 'not it')
    const { code, stdout } = await cli('store', 'verify', '--json')
    expect(code).to.equal(1)
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(lines.filter(({ type }) => type === 'damaged')).to.deep.equal([
      { type: 'damaged', what: 'file', path: blob },
      { type: 'damaged', what: 'shown file', path: shown },
    ])
    expect(lines.filter(({ type }) => type === 'lost')).to.deep.equal([
      { type: 'lost', fingerprint, stage: 'first', files: ['value.txt'] },
    ])
    expect(readFileSync(shown, 'utf8')).to.equal('top(copy(hello))')
    expect((await cli('store', 'verify')).stdout).to.match(
      /first \([0-9a-f]{12}\) will be made again: value\.txt is not there/,
    )
    const again = await run()
    expect(stagesWith(again.events, 'stage-finished')).to.deep.equal(['first'])
    expect((await cli('store', 'verify')).code).to.equal(0)
  })

  it('a damaged list of accepted edits is told, not passed over: it decides what is a hit', async () => {
    const list = workspace.write('.genepool/code/accepted.json', '{"edits": [null]}')
    const { code, stdout, stderr } = await run()
    expect(code).to.be.within(1, 2)
    expect(`${stdout}${stderr}`).to.match(/accepted\.json is damaged \(.*\): mend it, or remove it/)
    rmSync(list)
    expect((await run()).code).to.equal(0)
  })

  it('a manifest under another name, or an entry of another artifact, is no hit', async () => {
    const [top, first] = [kinds['the manifest of a result']!(), kinds['the manifest of an input']!()]
    rmSync(top)
    renameSync(first, top)
    const { code, events } = await run()
    expect(code).to.equal(0)
    expect(stagesWith(events, 'stage-finished')).to.deep.equal(['first', 'top'])
    expect(values()).to.deep.equal(honest)
  })
})
