import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import * as Cause from 'effect/Cause'
import * as Effect from 'effect/Effect'
import * as Exit from 'effect/Exit'
import { hashOf } from '../../src/runtime/canonical.js'
import { checkedText, readChecked } from '../../src/runtime/checked-text.js'
import { readCertificate } from '../../src/runtime/certify/certificate.js'
import { type AcceptedEdit, readAcceptedEdits } from '../../src/runtime/code/accepted-edits.js'
import { decodeRecord } from '../../src/runtime/code/record-store.js'
import { digestOf } from '../../src/runtime/code/code-record.js'
import { UsageError } from '../../src/runtime/errors.js'
import type { RunEvent } from '../../src/runtime/events.js'
import { LastKnown } from '../../src/runtime/plan/last-known.js'
import { isTraceAsThen } from '../../src/runtime/reads.js'
import { knownTargets } from '../../src/runtime/records/known-targets.js'
import { recordOfText } from '../../src/runtime/records/run-log.js'
import { lineShape, type RecordLine } from '../../src/runtime/records/run-shapes.js'
import { textReaderOf, WrongShape } from '../../src/runtime/shape.js'
import { contentOf, decodeManifest, type Manifest, readManifest } from '../../src/runtime/store/manifest.js'
import { Store } from '../../src/runtime/store/store.js'
import { importArtifacts } from '../../src/runtime/upkeep/import-store.js'
import { runCli } from '../support/cli.js'
import { type Mutation, mutationsOf } from '../support/mutations.js'
import { countsOf, eventsOf } from '../support/read-events.js'
import { copyStage, joinStage, smallPipeline } from '../support/small-pipeline.js'
import { hitsOf, manifestsOf } from '../support/stored-artifacts.js'
import { entriesOfTar, tarOf } from '../support/tar-bytes.js'
import { workspaceForAll } from '../support/workspace.js'

type Entries = ReadonlyMap<string, Buffer | string>

const sha = (text: string): string => createHash('sha256').update(text).digest('hex')
const hash = sha('anything')
const at = '2026-01-02T03:04:05.678Z'

/** Fields that hold data of any kind. */
const free = new Set(['params', 'summary', 'before', 'now', 'stored'])
/** Fields that a record need not have, and those that may be null; and entries under names of the user's own. */
const mayBeMissing =
  /(^|\.)(machine\.device|machine|trusts|reads|goesOnFrom|milestoneOf|madeBy|deviceIndex|versions|expected|suite|failure|failed|resource|changed|hint|stack|cell|email|revokedAt|value|file|identity|of|isReplaced)$/
const mayBeNull =
  /(^|\.)(engine|file|through|path|commit|branch|changes|lockFile|sha256|only|from|to|contentNow|failure|difference|tolerance|before|now|stored|value)$/
const isEntry = (field: string): boolean =>
  /(^|\.)(files|runs|named|defaults|inputs|sources|versions|reads|loadedBy|variables|at)(\["[^"]*"\]|\.\w+)$/.test(
    field,
  ) || /^(packages\.p|symbols\.s|symbols\.s\.uses\.u|symbols\.s\.uses\.u\.at)$/.test(field)

/** Labels are of any simple type; up to key scheme 3 code was a map. */
const ofSeveralTypes = /(\.at\.\w+|identity\.code)$/

/** Whether a record with that wrong is none, whatever it is read by. */
const isWrong = ({ field, how }: Mutation<unknown>): boolean => {
  if (field === 'symbols.s.file') return true
  if (how === 'removed') return !isEntry(field) && !mayBeMissing.test(field)
  if (how === 'null') return !mayBeNull.test(field) && !/(^|\.)(reads|loadedBy|runs)(\["[^"]*"\]|\.\w+)$/.test(field)
  return !ofSeveralTypes.test(field) && !free.has(field.split('.').at(-1)!)
}

/** A manifest that has everything that one may have. */
const wholeManifest = (manifest: Manifest): Manifest =>
  rehashed({
    ...manifest,
    summary: { top1: 0.5, names: ['a', null] },
    identity: {
      ...manifest.identity,
      engine: { engine: 'cpu', device: 'cpu', versions: { 'tfjs-core': '4.22.0' } },
      machine: { processor: 'a processor', cores: 2, device: 'a GPU' },
      trusts: ['clock'],
      reads: { 'file in.txt': hash, 'path gone.txt': null, 'escape clock in.mjs:1': '' },
    },
    made: { ...manifest.made, goesOnFrom: hash, milestoneOf: hash },
  })

/** With the hashes that belong to what it says, as far as it can be hashed. */
const rehashed = <A extends Partial<Manifest>>(manifest: A): A => {
  try {
    const fingerprint = hashOf(manifest.identity, 'stage')
    return { ...manifest, fingerprint, content: contentOf(manifest.files!, manifest.summary!) }
  } catch {
    return manifest
  }
}

const engine = { engine: 'cpu', device: 'cpu', versions: { 'tfjs-core': '4.22.0' } }
const sharing = { cells: 1, asked: 2, distinct: 2 }
const run = '20260102-030405-abcdef'

/** One line of each sort, with everything that it may have. */
const wholeRecord: readonly (RunEvent | RecordLine)[] = [
  {
    type: 'environment',
    genepool: '0.1.0',
    node: 'v20.20.0',
    packages: { lockFile: '/x/package-lock.json', sha256: hash, versions: { effect: '4.1.0' } },
    engine,
    machine: { processor: 'p', cores: 2, device: 'd', host: 'h', memory: 1, os: 'Linux', platform: 'linux-x64' },
    definition: { file: '/x/small.mjs', sha256: hash },
    command: ['genepool', 'run'],
    who: 'me',
    directory: '/x',
    jobs: 2,
    reuse: 'same-engine',
    only: 'one',
    variables: { GENEPOOL_CACHE: 'x' },
  },
  {
    type: 'plan',
    stages: [
      {
        stage: 'one',
        kind: 'stage',
        status: 'run',
        madeBy: engine,
        reasons: [{ type: 'parameter-changed', parameter: 'a', before: 1, now: 2 }],
      },
    ],
  },
  ...(
    [
      { type: 'never-ran' },
      { type: 'input-changed', input: 'a', stage: 'b' },
      { type: 'source-changed', source: 'a', path: 'b' },
      { type: 'code-changed', symbol: 's', file: 'f', line: 1, change: 'edited', through: 't', chain: ['a'] },
      { type: 'code-opaque', file: 'f', line: 1, what: 'w' },
      { type: 'read-changed', what: 'file a', before: hash, now: null },
      { type: 'escape', escape: 'clock', place: 'a:1' },
      { type: 'package-changed', name: 'n', before: '1', now: '2' },
      { type: 'engine-changed', before: 'a', now: 'b' },
      { type: 'machine-changed', before: 'a', now: 'b' },
      { type: 'scheme-changed', before: 4, now: 5 },
      { type: 'source-missing', path: 'p', message: 'm' },
      { type: 'artifact-missing' },
      { type: 'artifact-corrupt' },
      { type: 'input-pending', input: 'a', stage: 'b' },
      { type: 'goes-on', at: 1, unit: 'epoch' },
      { type: 'from-start', because: 'b' },
    ] as const
  ).map((reason): RunEvent => ({
    type: 'stage-started',
    stage: 'one',
    kind: 'stage',
    fingerprint: hash,
    reasons: [reason],
    threads: 1,
    resumes: false,
    goesOnFrom: { fingerprint: hash, at: 1, unit: 'epoch' },
  })),
  { type: 'git', git: { state: 'known', commit: hash, branch: 'main', changes: hash } },
  { type: 'git', git: { state: 'unknown', why: 'w' } },
  { type: 'git', git: { state: 'none' } },
  {
    type: 'run-started',
    run,
    pipeline: 'small',
    file: '/x/small.mjs',
    store: '/x/.genepool',
    stages: 2,
    suite: sharing,
    engine: { engine: 'cpu', device: 'cpu', deviceIndex: 0, threads: 1, versions: { a: '1' }, why: 'w' },
    jobs: 2,
    expected: { jobs: 2, leastMs: 1, mostMs: 2, unknown: 0 },
    at,
  },
  { type: 'stage-cached', stage: 'one', kind: 'stage', fingerprint: hash, madeBy: engine },
  { type: 'stage-milestone', stage: 'one', at: 1, unit: 'epoch', fingerprint: hash, content: hash },
  { type: 'stage-waiting', stage: 'one', holder: 'h', resource: 'cpu' },
  { type: 'stage-retrying', stage: 'one', attempt: 1, of: 3, delayMs: 1, because: 'b' },
  { type: 'stage-saving', stage: 'one', bytes: 1 },
  {
    type: 'stage-finished',
    stage: 'one',
    kind: 'stage',
    fingerprint: hash,
    content: hash,
    summary: { top1: 1 },
    ms: 1,
    unchanged: false,
  },
  { type: 'stage-failed', stage: 'one', kind: 'stage', ms: 1, changed: 'c', message: 'm', hint: 'h', stack: 's' },
  { type: 'stage-skipped', stage: 'two', because: 'b', failed: 'one' },
  { type: 'stage-interrupted', stage: 'two', ms: 1, resumable: true },
  { type: 'warning', message: 'm' },
  {
    type: 'run-finished',
    run,
    ran: 1,
    cached: 0,
    failed: 1,
    skipped: 0,
    suite: {
      ...sharing,
      outcomes: [{ name: 'n', at: { a: 1 }, seed: 1, state: 'failed', failure: { stage: 'one', message: 'm' } }],
    },
    interrupted: false,
    ms: 1,
    at,
  },
]

const wholeEdits: { readonly edits: readonly AcceptedEdit[] } = {
  edits: [
    {
      id: 'abcd',
      symbol: 'src/a.ts:f',
      file: 'src/a.ts',
      name: 'f',
      changes: [{ key: 'src/a.ts:f', from: hash, to: hash }],
      reason: 'r',
      by: { name: 'me', email: 'me@example.org' },
      at,
      revokedAt: at,
    },
  ],
}

const lines = (records: readonly unknown[]): string => records.map((record) => `${JSON.stringify(record)}\n`).join('')

/** What no command may end with. */
const crash = /TypeError|RangeError|SyntaxError|Cannot (read|convert)|is not (a function|iterable)|^\s+at /m

describe('a record of a wrong shape with right hashes', () => {
  const workspace = workspaceForAll()
  const cli = (...args: readonly string[]) => runCli(args, { cwd: workspace.path })
  const stored = (...names: readonly string[]): string => workspace.file('.genepool', ...names)
  let entries: Entries
  let manifest: Manifest
  let runId: string

  before(async () => {
    workspace.write('in.txt', 'hello')
    workspace.write('small.mjs', smallPipeline(`${copyStage('one')}\n${joinStage('two', ['one'])}`, 'two'))
    const { events } = await cli('run', 'small.mjs', '--engine', 'cpu', '--json')
    runId = eventsOf(events, 'run-started')[0].run
    expect((await cli('certify', 'small.mjs', '--engine', 'cpu', '--out', 'certificate.json')).code).to.equal(0)
    workspace.write('.genepool/code/accepted.json', JSON.stringify(wholeEdits))
    expect((await cli('store', 'export', 'small.mjs', 'all.tar', '--engine', 'cpu')).code).to.equal(0)
    entries = entriesOfTar(readFileSync(workspace.file('all.tar')))
    manifest = wholeManifest(manifestsOf(stored()).find(({ stage }) => stage === 'one')!)
  })

  const nameOf = ({ fingerprint }: Pick<Manifest, 'fingerprint'>): string =>
    `actions/${String(fingerprint).slice(0, 2)}/${String(fingerprint)}.json`

  const withHeader = (all: ReadonlyMap<string, Buffer | string>): Buffer => {
    const written = JSON.parse(String(entries.get('genepool.json'))) as object
    const bytes = [...all.values()].reduce((sum, contents) => sum + Buffer.byteLength(contents), 0)
    return tarOf([['genepool.json', JSON.stringify({ ...written, entries: all.size, bytes })], ...all])
  }

  /** The archive with other entries. */
  const archiveWith = (others: Readonly<Record<string, string>>): Buffer => {
    const all = new Map<string, Buffer | string>([...entries].slice(1))
    for (const [name, contents] of Object.entries(others)) all.set(name, contents)
    return withHeader(all)
  }

  /** One that has this entry alone, which is read before anything else of it is missed. */
  const archiveOf = (name: string, contents: string): Buffer => withHeader(new Map([[name, contents]]))

  /** What import says of it; undefined where it takes it in. */
  const importing = async (archive: Buffer, store: string): Promise<string | undefined> => {
    const file = workspace.file('wrong.tar')
    writeFileSync(file, archive)
    const exit = await Effect.runPromiseExit(
      importArtifacts(file, () => {}).pipe(Effect.provide(Store.layer(workspace.file(store)))),
    )
    if (Exit.isSuccess(exit)) return undefined
    const error = Cause.squash(exit.cause)
    if (error instanceof UsageError && error.message.startsWith(`cannot import ${file}: `)) return error.message
    throw error as Error
  }

  /** All that are wrong are refused with the entry and the field, and nothing of them is left. */
  const check = async <A>(
    mutations: readonly Mutation<A>[],
    entry: (mutation: Mutation<A>) => readonly [name: string, archive: Buffer],
  ): Promise<void> => {
    let refused = 0
    for (const mutation of mutations) {
      if (!isWrong(mutation)) continue
      const [name, archive] = entry(mutation)
      const about = `${name}: ${mutation.field} ${mutation.how}`
      const said = await importing(archive, 'victim')
      expect(said, about).to.be.a('string')
      expect(said, about).to.include(`${name} is damaged: `).and.include(mutation.field)
      expect(said, about).not.to.match(crash)
      refused += 1
    }
    expect(refused).to.be.above(mutations.length / 3)
    for (const folder of ['actions', 'blobs', 'code', 'runs', 'staging']) {
      const place = workspace.file('victim', folder)
      expect(existsSync(place) ? readdirSync(place) : [], folder).to.deep.equal([])
    }
  }

  const withManifest = (wrong: Manifest, name = nameOf(wrong)): readonly [string, Buffer] => [
    name,
    archiveOf(name, checkedText(JSON.stringify(wrong))),
  ]

  it('is refused by import, with the entry and the field, and leaves nothing: a manifest', async () => {
    const whole = archiveWith({ [nameOf(manifest)]: checkedText(JSON.stringify(manifest)) })
    expect(await importing(whole, 'taken')).to.equal(undefined)
    await check(mutationsOf(manifest, free), ({ field, record }) => {
      if (/^(fingerprint|content)$/.test(field)) return withManifest(record, nameOf({ fingerprint: hash }))
      const named = rehashed(record)
      return withManifest(named, nameOf(named))
    })
  })

  it('so are files that no folder can have, one in another, and hashes of something else', async () => {
    const [file] = Object.values(manifest.files)
    const names = {
      'a/b': /lies in a, which is a file/,
      '../evil': /files\["\.\.\/evil"\] is no name of a file inside an artifact/,
      '/etc/evil': /is no name of a file inside an artifact/,
      ['x'.repeat(300)]: /is too long for the name of a file/,
      ['folder/'.repeat(200) + 'x']: /is too long for the name of a file/,
      'C:\\evil': /is no name of a file inside an artifact/,
    }
    for (const [name, says] of Object.entries(names)) {
      const [, archive] = withManifest(rehashed({ ...manifest, files: { a: file, [name]: file } }))
      expect(await importing(archive, 'victim'), name)
        .to.match(/actions\/\S+\.json is damaged: /)
        .and.match(says)
    }
    const wrong: readonly Manifest[] = [
      { ...manifest, content: hash },
      { ...manifest, identity: { ...manifest.identity, kind: 'other' } },
    ]
    for (const each of wrong) {
      expect(await importing(withManifest(each)[1], 'victim')).to.match(/its hashes are not those of what it says/)
    }
    const text = JSON.stringify({ ...manifest, identity: { ...manifest.identity, params: 'DEEP' } })
    const levels = 100_000
    const deepText = text.replace('"DEEP"', `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`)
    expect(await importing(archiveOf(nameOf(manifest), checkedText(deepText)), 'victim')).to.match(
      /identity\.params is no object of at most 500 levels/,
    )
  })

  const runName = `runs/${run}.ndjson`

  it('so is the record of a run, whichever line it is', async () => {
    expect(await importing(archiveWith({ [runName]: lines(wholeRecord) }), 'taken')).to.equal(undefined)
    // As a run that was killed leaves it.
    const cut = `${lines(wholeRecord)}{"type":"stage-fin`
    expect(await importing(archiveWith({ [runName]: cut }), 'taken')).to.equal(undefined)
    for (const text of ['null\n', '[]\n', '7\n', '{"type":"nonsense"}\n', '{"type":"constructor"}\n', `${cut}\n{}\n`]) {
      expect(await importing(archiveOf(runName, text), 'victim'), text).to.match(
        /runs\/\S+ is damaged: line \d+ of the record of run \S+: /,
      )
    }
    const first = wholeRecord.flatMap((line) =>
      mutationsOf(line, free)
        .filter((each) => isWrong(each))
        .slice(-1),
    )
    await check(first, ({ record }) => [runName, archiveOf(runName, lines([record]))])
  })

  it('so are records of code, accepted edits and the first file of the archive', async () => {
    const [codeName] = [...entries.keys()].filter((name) => /^code\/..\//.test(name))
    const stored = JSON.parse(String(entries.get(codeName))) as object
    const symbol = { file: 'f', name: 'n', line: 1, column: 1, hash, syntax: 's', through: null }
    const whole = {
      ...stored,
      symbols: { s: { ...symbol, uses: { u: { means: 'm', at: 'f:1' } } } },
      opaque: [{ file: 'f', what: 'w', line: 1, column: 1 }],
      accepted: [{ id: 'i', symbol: 's' }],
      loadedBy: { a: null },
      packages: { p: '1' },
      order: ['o'],
    }
    const withCode = (record: object): readonly [string, Buffer] => {
      const text = JSON.stringify(record)
      let digest = hash
      try {
        digest = digestOf(decodeRecord(text))
      } catch {
        // What has no digest is called anything.
      }
      const name = `code/${digest.slice(0, 2)}/${digest}.json`
      return [name, archiveWith({ [name]: text })]
    }
    expect(await importing(withCode(whole)[1], 'taken')).to.equal(undefined)
    await check(mutationsOf(whole), ({ record }) => withCode(record))

    const accepted = 'code/accepted.json'
    await check(mutationsOf(wholeEdits), ({ record }) => [accepted, archiveOf(accepted, JSON.stringify(record))])
    const empty = JSON.stringify({ edits: [{ ...wholeEdits.edits[0], changes: [] }] })
    expect(await importing(archiveOf(accepted, empty), 'victim')).to.match(/edits\[0\]\.changes is empty/)

    const header = JSON.parse(String(entries.get('genepool.json'))) as object
    await check(mutationsOf(header), ({ record }) => [
      'genepool.json',
      tarOf([['genepool.json', JSON.stringify(record)], ...[...entries].slice(1)]),
    ])
  })

  it('and so are names of entries that no folder can have, and a compressed archive, before it is unpacked', async () => {
    const long = `runs/${run}${'x'.repeat(300)}.ndjson`
    expect(await importing(archiveOf(long, 'x'), 'victim')).to.match(/names 'runs\/\S+', which is no file of a st/)
    for (const [first, second] of [
      [`runs/${run}/a`, `runs/${run}/a/b`],
      [`runs/${run}/a/b`, `runs/${run}/a`],
    ]) {
      const both = archiveWith({ [first]: 'x', [second]: 'y' })
      expect(await importing(both, 'victim')).to.match(
        /(lies in '\S+', which is a file|is a file, and others lie in it)/,
      )
    }
    // A gigabyte of nothing in a megabyte.
    const bomb = gzipSync(Buffer.concat([archiveWith({}), Buffer.alloc(64 * 2 ** 20)]))
    expect(await importing(bomb, 'victim')).to.match(
      /wrong\.tar: it is compressed \(gzip\), and an export is a plain tar/,
    )
    // Its first block would pass for a tar's by its mark alone.
    const disguised = Buffer.from(bomb.subarray(0, 1_024))
    disguised.write('ustar', 257)
    expect(await importing(disguised, 'victim')).to.match(/it is compressed \(gzip\)/)
    expect(await importing(Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0]), 'victim')).to.match(/compressed \(zstd\)/)
  })

  it('is damage to whoever reads it in the store', async () => {
    const store = await Effect.runPromise(Store.pipe(Effect.provide(Store.layer(stored()))))
    // Runs read their own by a quicker look than by the schema: the two agree.
    const [file, bySchema] = [workspace.file('manifest.json'), textReaderOf(lineShape)]
    for (const mutation of mutationsOf(manifest, free)) {
      const text = checkedText(JSON.stringify(mutation.record))
      writeFileSync(file, text)
      const about = `${mutation.field} ${mutation.how}`
      if (isWrong(mutation)) expect(() => decodeManifest(text), about).to.throw(WrongShape, mutation.field)
      const read = readManifest(file)
      if (read === undefined) expect(() => decodeManifest(text), about).to.throw(WrongShape)
      else expect(decodeManifest(text), about).to.deep.equal(read)
    }
    for (const line of wholeRecord) {
      for (const mutation of mutationsOf(line, free)) {
        const text = lines([mutation.record, { type: 'warning', message: 'm' }])
        const read = recordOfText(run, text)
        const about = `${mutation.field} ${mutation.how}`
        if (isWrong(mutation))
          expect(read.damage, about)
            .to.match(/^line 1 of the record/)
            .and.include(mutation.field)
        expect(recordOfText(run, text, bySchema), about).to.deep.equal(read)
      }
    }

    const only = (folder: string): string => stored(folder, readdirSync(stored(folder))[0])
    const last = only('last')
    /** Each mutation laid on the disk in the record's place, which is mended afterwards. */
    const laid = (file: string, text: (record: object) => string, isTold: () => boolean): void => {
      const whole = readFileSync(file, 'utf8')
      const record = JSON.parse(readChecked(whole) ?? whole) as object
      expect(isTold(), file).to.equal(false)
      for (const mutation of mutationsOf(record)) {
        // What a stage's name leads to may be missing.
        if (!isWrong(mutation) || (file === last && mutation.how === 'removed')) continue
        writeFileSync(file, text(mutation.record))
        expect(isTold(), `${file}: ${mutation.field} ${mutation.how}`).to.equal(true)
      }
      for (const written of ['null', '[]', '7', '"a"']) {
        writeFileSync(file, checkedText(written))
        expect(isTold(), written).to.equal(true)
      }
      writeFileSync(file, whole)
    }
    const checked = (record: object): string => checkedText(JSON.stringify(record))
    laid(only('targets'), checked, () => knownTargets(store).damaged.length > 0)
    const as = { as: 'small', names: new Map<string, string>() }
    expect(new LastKnown(store, as).path).to.equal(last)
    laid(last, checked, () => new LastKnown(store, as).isDamaged)
    laid(
      stored('code', 'accepted.json'),
      (record) => JSON.stringify(record),
      () => {
        try {
          return readAcceptedEdits(stored('code', 'accepted.json')).length < 0
        } catch (cause) {
          return /accepted\.json is damaged \(.+\): mend it/.test(String(cause))
        }
      },
    )
    const certificate = workspace.file('certificate.json')
    laid(
      certificate,
      (record) => JSON.stringify(record),
      () => {
        const exit = Effect.runSyncExit(readCertificate(certificate))
        return Exit.isFailure(exit) && Cause.squash(exit.cause) instanceof UsageError
      },
    )
    const trace = { name: 'path x', value: null, file: '/x', identity: 'i', of: 'm', isReplaced: true }
    const log = workspace.write('trace.reads', lines([trace]))
    expect(isTraceAsThen(log, workspace.path, () => false)).to.equal(true)
    for (const mutation of mutationsOf(trace)) {
      workspace.write('trace.reads', lines([mutation.record]))
      const isAsThen = isTraceAsThen(log, workspace.path, () => false)
      if (isWrong(mutation)) expect(isAsThen, `${mutation.field} ${mutation.how}`).to.equal(false)
    }
  })

  /** The store with wrong records of every kind beside the whole ones, and the manifest of `two` wrong in its place. */
  const spoil = (): void => {
    rmSync(workspace.file('spoilt'), { recursive: true, force: true })
    cpSync(stored(), workspace.file('spoilt'), { recursive: true })
    const lay = (name: string, text: string): void => {
      mkdirSync(workspace.file('spoilt', ...name.split('/').slice(0, -1)), { recursive: true })
      writeFileSync(workspace.file('spoilt', ...name.split('/')), text)
    }
    mutationsOf(manifest, free).forEach(({ field, record }, index) => {
      const fingerprint = sha(String(index))
      const own = field === 'fingerprint' ? record : { ...record, fingerprint }
      lay(nameOf({ fingerprint }), checkedText(JSON.stringify(own)))
    })
    const two = manifestsOf(stored()).find(({ stage }) => stage === 'two')!
    lay(nameOf(two), checkedText(JSON.stringify({ ...two, made: undefined })))
    const started = wholeRecord.find(({ type }) => type === 'run-started')
    const mutations = wholeRecord.flatMap((line) => mutationsOf(line, free))
    mutations.forEach(({ record }, index) =>
      lay(
        `runs/20260102-${String(index).padStart(6, '0')}-abcdef.ndjson`,
        lines(index < 10 ? [...wholeRecord, record] : [started, record]),
      ),
    )
    lay(`runs/${run}.ndjson`, 'null\n7\n[]\n')
    for (const name of entries.keys()) if (/^code\/..\//.test(name)) lay(name, '{"names":null}')
  }

  it('ends no command with more than a sentence', async () => {
    spoil()
    const own = ['--store', 'spoilt', '--engine', 'cpu']
    const wrongRun = '20260102-000007-abcdef'
    const one = manifestsOf(stored()).find(({ stage }) => stage === 'one')!
    const calls: readonly (readonly [code: number, ...call: readonly string[]])[] = [
      [0, 'runs', '--store', 'spoilt'],
      [0, 'show', wrongRun, ...own],
      [0, 'show', wrongRun, '--json', ...own],
      [0, 'show', 'small.mjs', 'one', ...own],
      [0, 'diff', wrongRun, '20260102-000008-abcdef', ...own],
      [2, 'store', 'export', wrongRun, 'no.tar', ...own],
      [2, 'store', 'export', 'small.mjs', 'no.tar', ...own],
      [0, 'lineage', one.fingerprint, ...own],
      [0, 'plan', 'small.mjs', ...own],
      [0, 'explain', 'small.mjs', ...own],
      [0, 'accept', '--list', '--store', 'spoilt'],
      [0, 'gc', '--dry-run', '--store', 'spoilt'],
      [1, 'certify', '--check', 'certificate.json', '--store', 'spoilt'],
      [1, 'store', 'verify', '--store', 'spoilt'],
    ]
    for (const [code, ...call] of calls) {
      const ended = await cli(...call)
      expect(ended.code, `${call.join(' ')}: ${ended.stderr}`).to.equal(code)
      expect(`${ended.stdout}${ended.stderr}`, call.join(' ')).not.to.match(crash)
    }
    const again = await cli('run', 'small.mjs', '--json', ...own)
    expect(countsOf(again), again.stderr).to.deep.equal({ ran: 1, cached: 1, failed: 0, skipped: 0 })
    expect(new Set(hitsOf(workspace.file('spoilt')).values())).to.deep.equal(new Set(['hello', 'two(hello)']))
  })

  it('stops a collection of garbage that would be a guess', async () => {
    const doubts: Readonly<Record<string, readonly [spoil: () => void, says: RegExp]>> = {
      'a tagged record with a wrong line': [
        () => {
          writeFileSync(stored('runs', `${run}.ndjson`), lines([...wholeRecord, { type: 'stage-cached', stage: 7 }]))
          workspace.write(`.genepool/tags/paper`, `${run}\n`)
        },
        /which artifacts the tag paper keeps cannot be told: line \d+ of the record of run \S+: stage is no text/,
      ],
      'a tag that is no tag': [
        () => workspace.write('.genepool/tags/paper', `${runId} not-a-hash\n`),
        /which artifacts the tag paper keeps cannot be told: its file names no run/,
      ],
      'a target without an engine': [
        () => {
          rmSync(stored('tags'), { recursive: true })
          const file = join(stored('targets'), readdirSync(stored('targets'))[0])
          const { engine: _, ...rest } = JSON.parse(readChecked(readFileSync(file, 'utf8'))!) as Record<string, unknown>
          writeFileSync(file, checkedText(JSON.stringify(rest)))
        },
        /targets\/\w+\.json is damaged: which pipeline it was that keeps its artifacts cannot be told/,
      ],
      'fingerprints that are none': [
        () => {
          rmSync(stored('targets'), { recursive: true })
          const file = join(stored('last'), readdirSync(stored('last'))[0])
          writeFileSync(file, checkedText('{"one":7}'))
        },
        /last\/\w+\.json, which says what its stages were when they last stood finished, is damaged/,
      ],
    }
    for (const [what, [damage, says]] of Object.entries(doubts)) {
      damage()
      const named = what === 'fingerprints that are none' ? ['small.mjs', '--engine', 'cpu'] : []
      const { code, stdout, stderr } = await cli('gc', '--keep-days', '0', ...named)
      expect([code, stdout], `${what}: ${stderr}`).to.deep.equal([2, ''])
      expect(stderr, what).to.match(says)
    }
    expect([...hitsOf(stored()).values()].sort()).to.deep.equal(['hello', 'two(hello)'])
  })

  it('is never written by a stage: a file whose name no artifact can have fails it', async () => {
    const store = await Effect.runPromise(Store.pipe(Effect.provide(Store.layer(workspace.file('written')))))
    for (const name of ['a\\b', `${'folder/'.repeat(150)}x`]) {
      const outDir = workspace.file('out')
      mkdirSync(join(outDir, ...name.split('/').slice(0, -1)), { recursive: true })
      writeFileSync(join(outDir, name), 'x')
      const exit = await Effect.runPromiseExit(store.publish(manifest, outDir))
      expect(Exit.isFailure(exit) && String(Cause.squash(exit.cause)), name).to.match(/is (no name|too long)/)
      rmSync(outDir, { recursive: true })
    }
    expect(existsSync(workspace.file('written', 'blobs'))).to.equal(false)
  })

  it('is told by the real command line with exit code 2, the archive, the entry and the field', async () => {
    const wrong: readonly (readonly [archive: Buffer, says: RegExp])[] = [
      [withManifest({ ...manifest, made: undefined as never })[1], /actions\/\S+\.json is damaged: made is missing/],
      [
        withManifest(rehashed({ ...manifest, identity: 'a stage' as never }))[1],
        /actions\/\S+\.json is damaged: identity is no object/,
      ],
      [
        archiveWith({ [runName]: 'null\n' }),
        /runs\/\S+\.ndjson is damaged: line 1 of the record of run \S+: it is no object/,
      ],
      [gzipSync(archiveWith({})), /it is compressed \(gzip\), and an export is a plain tar\n {2}unpack it first/],
    ]
    for (const [archive, says] of wrong) {
      writeFileSync(workspace.file('wrong.tar'), archive)
      const { code, stdout, stderr } = await cli('store', 'import', 'wrong.tar', '--store', 'victim')
      expect([code, stdout]).to.deep.equal([2, ''])
      expect(stderr)
        .to.match(/^genepool: cannot import wrong\.tar: /)
        .and.match(says)
    }
  })
})
