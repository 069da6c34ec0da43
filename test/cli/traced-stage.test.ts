import { constants, cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import type { PlannedStage } from '../../src/runtime/events.js'
import type { Finished } from '../support/child.js'
import { runCli, startCli } from '../support/cli.js'
import { pause } from '../support/child.js'
import { countsOf, eventsOf, stagesWith } from '../support/read-events.js'
import { checkout, workspaceForAll, workspaceForEach, type Workspace } from '../support/workspace.js'

/** Nothing in a definition's text names what these read. */
const head = `import * as fs from 'node:fs'
import * as fsp from 'node:fs/promises'
import { createRequire } from 'node:module'
import { AsyncLocalStorage } from 'node:async_hooks'
import * as childProcess from 'node:child_process'
import * as crypto from 'node:crypto'
import * as dns from 'node:dns'
import * as vm from 'node:vm'
import { Worker } from 'node:worker_threads'
import * as os from 'node:os'
import * as path from 'node:path'
import * as v8 from 'node:v8'
import { inspect } from 'node:util'
import { pipeline, stage } from 'genepool'
const at = (...parts) => path.join(process.env.OWN_ROOT, ...parts)
`

const definition = (
  computes: Readonly<Record<string, string>>,
  options: Readonly<Record<string, string>> = {},
): string =>
  `${head}${Object.entries(computes)
    .map(
      ([name, compute]) =>
        `const ${name} = stage('${name}', { ${options[name] ?? ''} run: async (context) => {
  fs.writeFileSync(path.join(context.outDir, 'out'), String(await (${compute})(context)))
} })`,
    )
    .join('\n')}\nexport default pipeline('traced').add(${Object.keys(computes).join(', ')})\n`

interface Read {
  readonly compute: string
  /** Changes what it reads. */
  readonly edit?: (workspace: Workspace) => void
  readonly env?: Readonly<Record<string, string>>
  /** Other variables that it reads. */
  readonly alsoIn?: readonly string[]
}

const text = (name: string) => (workspace: Workspace) => void workspace.write(name, 'other')

const everyVariable = ['GENEPOOL_OWN', 'TZ', 'LC_ALL', 'HOME', 'TMPDIR']

const reads: Readonly<Record<string, Read>> = {
  sync: { compute: `() => fs.readFileSync(at('sync' + '.txt'), 'utf8')`, edit: text('sync.txt') },
  promise: { compute: `() => fsp.readFile(at('promise' + '.txt'), 'utf8')`, edit: text('promise.txt') },
  callback: {
    compute: `() => new Promise((resolve) => fs.readFile(at('callback' + '.txt'), 'utf8', (_, all) => resolve(all)))`,
    edit: text('callback.txt'),
  },
  stream: {
    compute: `async () => { let all = ''; for await (const part of fs.createReadStream(at('stream' + '.txt'))) all += part; return all }`,
    edit: text('stream.txt'),
  },
  descriptor: {
    compute: `() => { const file = fs.openSync(at('descriptor' + '.txt')); const all = fs.readFileSync(file, 'utf8'); fs.closeSync(file); return all }`,
    edit: text('descriptor.txt'),
  },
  handle: {
    compute: `async () => { const file = await fsp.open(at('handle' + '.txt')); const all = await file.readFile('utf8'); await file.close(); return all }`,
    edit: text('handle.txt'),
  },
  size: { compute: `() => fs.statSync(at('size' + '.txt')).size`, edit: text('size.txt') },
  copy: {
    compute: `({ outDir }) => fs.copyFileSync(at('copy' + '.txt'), path.join(outDir, 'copy'))`,
    edit: text('copy.txt'),
  },
  tree: {
    compute: `({ outDir }) => fs.cpSync(at('tr' + 'ee'), path.join(outDir, 'tree'), { recursive: true })`,
    edit: text('tree/below/leaf.txt'),
  },
  listing: { compute: `() => fs.readdirSync(at('list' + 'ing'))`, edit: text('listing/more.txt') },
  deepListing: {
    compute: `() => fs.readdirSync(at('list' + 'ing'), { recursive: true })`,
    edit: text('listing/below/more.txt'),
  },
  missing: { compute: `() => fs.existsSync(at('miss' + 'ing.txt'))`, edit: text('missing.txt') },
  tried: {
    compute: `() => { try { return fs.readFileSync(at('tri' + 'ed.txt'), 'utf8') } catch { return 'nothing' } }`,
    edit: text('tried.txt'),
  },
  link: {
    compute: `() => fs.readFileSync(fs.realpathSync(at('li' + 'nk')), 'utf8')`,
    edit: (workspace) => {
      unlinkSync(workspace.file('link'))
      symlinkSync('sync.txt', workspace.file('link'))
    },
  },
  required: {
    compute: `() => { const load = (by) => by(at('required' + '.json')); return load(createRequire(at('x.js'))).value }`,
    edit: (workspace) => void workspace.write('required.json', '{ "value": 2 }'),
  },
  requiredCode: {
    compute: `() => { const load = (by) => by(at('code' + '.cjs')); return load(createRequire(at('x.js')))() }`,
    edit: (workspace) => void workspace.write('code.cjs', 'module.exports = () => 2'),
  },
  byPackage: {
    compute: `() => createRequire(at('x.js'))(['read', 'er'].join(''))()`,
    edit: text('by-package.txt'),
  },
  version: {
    compute: `() => createRequire(at('x.js'))(['ver', 'sion'].join(''))`,
    edit: (workspace) =>
      void workspace.write('node_modules/version/package.json', '{ "name": "other", "version": "1.0.0" }'),
  },
  variable: { compute: `() => process.env['GENEPOOL_' + 'OWN']`, env: { GENEPOOL_OWN: '2' } },
  allVariables: {
    compute: `() => Object.keys({ ...process.env }).length`,
    env: { OWN_OTHER: '2' },
    alsoIn: everyVariable,
  },
  hours: { compute: `() => [new Date(0)].toLocaleString('en')`, env: { TZ: 'Asia/Tokyo' } },
  parsed: { compute: `() => new Date('+2020').getTime()`, env: { TZ: 'Asia/Tokyo' } },
  namedZone: { compute: `() => String(new Date(0))`, env: { LC_ALL: 'de_DE.UTF-8' }, alsoIn: ['TZ'] },
  formattedAnyhow: { compute: `() => (1234.5).toLocaleString([])`, env: { LC_ALL: 'de_DE.UTF-8' } },
  dayFirst: { compute: `() => new Date('10:00 12-10-2020').getTime()`, env: { TZ: 'Asia/Tokyo' } },
  native: {
    compute: `() => fs.realpathSync.native(at('native' + 'Link'))`,
    edit: (workspace) => {
      unlinkSync(workspace.file('nativeLink'))
      symlinkSync('sync.txt', workspace.file('nativeLink'))
    },
  },
  formatted: {
    compute: `() => new Intl.NumberFormat.prototype.constructor().format(1234.5)`,
    env: { LC_ALL: 'de_DE.UTF-8' },
  },
  kept: {
    compute: `() => {
  const file = at('kept' + '.txt')
  try { fs.writeFileSync(file, 'new', { flag: 'wx' }) } catch {}
  return fs.readFileSync(file, 'utf8')
}`,
    edit: text('kept.txt'),
  },
  requiredInVain: {
    compute: `() => { try { return createRequire(at('x.js'))('./' + 'plugin').n } catch { return 0 } }`,
    edit: (workspace) => void workspace.write('plugin.js', 'exports.n = 1'),
  },
  temporary: { compute: `() => os.tmpdir()`, env: { TMPDIR: '/var/tmp' } },
  home: { compute: `() => os.homedir()`, env: { HOME: '/tmp' } },
  packageMain: {
    compute: `() => createRequire(at('x.js'))('./' + 'lib')`,
    edit: (workspace) => void workspace.write('lib/package.json', '{ "main": "b.js" }'),
  },
  packageType: {
    compute: `() => { try { createRequire(at('x.js'))('./typed' + '/kind.js'); return globalThis.ownKind } catch { return 'none' } }`,
    edit: (workspace) => void workspace.write('typed/package.json', '{ "type": "module" }'),
  },
  shadowed: {
    compute: `() => createRequire(at('common/x.js'))('./' + 'shadowed').n`,
    edit: (workspace) => void workspace.write('common/shadowed.js', 'exports.n = 2'),
  },
  resolvedOnly: {
    compute: `() => createRequire(at('common/x.js')).resolve('./' + 'shadowed').length`,
    edit: (workspace) => void workspace.write('common/shadowed.js', 'exports.n = 2'),
  },
  nearerPackage: {
    compute: `() => createRequire(at('deep/x.js'))(['ver', 'sion'].join(''))`,
    edit: (workspace) => {
      workspace.write('deep/node_modules/version/package.json', '{ "version": "3.0.0" }')
      workspace.write('deep/node_modules/version/index.js', 'module.exports = 3')
    },
  },
  copiedLinks: {
    compute: `() => {
  const copy = fs.mkdtempSync('/tmp/own-')
  fs.cpSync(at('links'), copy, { recursive: true })
  return fs.readlinkSync(path.join(copy, 'one'))
}`,
    edit: (workspace) => {
      unlinkSync(workspace.file('links/one'))
      symlinkSync('../kept.txt', workspace.file('links/one'))
    },
  },
  behindLinks: {
    compute: `() => {
  const copy = fs.mkdtempSync('/tmp/own-')
  fs.cpSync(at('links'), copy, { recursive: true, dereference: true })
  return fs.readFileSync(path.join(copy, 'one'), 'utf8')
}`,
    edit: text('linked.txt'),
  },
  listedLinks: {
    compute: `() => fs.readdirSync(at('listed'), { withFileTypes: true }).map((each) => each.isSymbolicLink())`,
    edit: (workspace) => {
      unlinkSync(workspace.file('listed/one'))
      workspace.write('listed/one', '')
    },
  },
  makesInVain: {
    compute: `() => { try { fs.mkdirSync(at('ma' + 'de')); fs.rmdirSync(at('made')); return 1 } catch { return 0 } }`,
    edit: (workspace) => void mkdirSync(workspace.file('made')),
  },
  removesInVain: {
    compute: `() => { try { fs.unlinkSync(at('no' + 'ne.txt')); return 1 } catch { return 0 } }`,
    edit: text('none.txt'),
  },
  variablesOfFile: {
    compute: `() => { process.loadEnvFile(at('own' + '.env')); return process.env['FROM_' + 'FILE'] }`,
    edit: (workspace) => void workspace.write('own.env', 'FROM_FILE=2'),
  },
  inspected: { compute: `() => inspect(process.env).length`, env: { OWN_OTHER: '2' }, alsoIn: everyVariable },
  cloned: {
    compute: `async () => {
  const { port1, port2 } = new MessageChannel()
  const heard = new Promise((resolve) => port2.once('message', resolve))
  port1.postMessage(new Map([['env', [process.env]]]))
  const [posted] = (await heard).get('env')
  port1.close()
  const within = structuredClone({ env: process.env, again: [process.env] })
  if (within.again[0] !== within.env) throw new Error('one is two')
  return [posted, within.env, v8.deserialize(v8.serialize({ env: process.env })).env].map((each) => Object.keys(each).length)
}`,
    env: { OWN_OTHER: '2' },
    alsoIn: everyVariable,
  },
  filter: {
    compute: `({ outDir }) => {
  let all = ''
  const filter = () => { all += fs.readFileSync(at('fil' + 'ter.txt'), 'utf8'); return true }
  fs.cpSync(at('listing'), path.join(outDir, 'listing'), { recursive: true, filter })
  return all
}`,
    edit: text('filter.txt'),
  },
  likeAddress: {
    compute: `() => {
  const pathname = at('like' + '.txt')
  return fs.readFileSync({ href: 'file://' + pathname, protocol: 'file:', hostname: '', pathname }, 'utf8')
}`,
    edit: text('like.txt'),
  },
  wrappedDate: { compute: `() => new Date(new String('2024-01-01 00:00')).getTime()`, env: { TZ: 'Asia/Tokyo' } },
  unknownLocale: { compute: `() => (1234.5).toLocaleString('xx')`, env: { LC_ALL: 'de_DE.UTF-8' } },
  missingPackage: {
    compute: `() => { try { return createRequire(at('x.js'))(['not', 'there'].join('-')) } catch { return 'none' } }`,
    edit: (workspace) => {
      workspace.write('node_modules/not-there/package.json', '{ "version": "1.0.0" }')
      workspace.write('node_modules/not-there/index.js', 'module.exports = 1')
    },
  },
  linkedModule: {
    compute: `() => createRequire(at('common/x.js'))('./' + 'current.js')`,
    edit: (workspace) => {
      unlinkSync(workspace.file('common/current.js'))
      symlinkSync('two.js', workspace.file('common/current.js'))
    },
  },
  importedByCommonJs: {
    compute: `() => createRequire(at('common/x.js'))('./' + 'plug.cjs')()`,
    edit: (workspace) => void workspace.write('common/dep.mjs', 'export const n = 2'),
  },
  afterFailure: {
    compute: `() => { try { fs.rmdirSync(at('kept')) } catch {} return fs.readFileSync(at('ke' + 'pt/one.txt'), 'utf8') }`,
    edit: text('kept/one.txt'),
  },
  textOfLink: {
    compute: `() => fs.readlinkSync(at('toLink'))`,
    edit: (workspace) => {
      unlinkSync(workspace.file('toLink'))
      symlinkSync('linked.txt', workspace.file('toLink'))
    },
  },
  behindOwnLink: {
    compute: `({ outDir }) => {
  const own = path.join(outDir, '..', 'own')
  fs.symlinkSync(at('not' + 'Yet.txt'), own)
  return fs.existsSync(own)
}`,
    edit: text('notYet.txt'),
  },
  model: {
    compute: `async () => {
  const { InferenceSession } = await import('onnxruntime-node')
  return InferenceSession.create(at('mo' + 'del.onnx')).catch(({ message }) => message)
}`,
    edit: text('model.onnx'),
  },
  byHand: {
    compute: `() => {
  const made = { exports: {} }
  process.getBuiltinModule('node:module')._extensions['.json'](made, at('by' + 'Hand.json'))
  return made.exports.value
}`,
    edit: (workspace) => void workspace.write('byHand.json', '{ "value": 2 }'),
  },
  relative: { compute: `() => fs.readFileSync('sync' + '.txt', 'utf8')`, edit: text('sync.txt') },
}

/** Copies these parts of an installed package: one that is a link counts by all that is in it, for every stage anew. */
const install = (workspace: Workspace, name: string, parts: readonly string[] = ['']): void => {
  for (const part of parts) {
    const [from, to] = [checkout, workspace.path].map((root) => join(root, 'node_modules', name, part))
    cpSync(from, to, { recursive: true, mode: constants.COPYFILE_FICLONE })
  }
}

const prepareFiles = (workspace: Workspace): void => {
  const names = [
    'sync',
    'kept',
    'promise',
    'callback',
    'stream',
    'descriptor',
    'handle',
    'size',
    'copy',
    'linked',
    'by-package',
    'filter',
    'like',
  ]
  for (const name of names) workspace.write(`${name}.txt`, name)
  for (const folder of [
    'tree/below',
    'listing/below',
    'node_modules/reader',
    'node_modules/version',
    'links',
    'listed',
  ]) {
    mkdirSync(workspace.file(folder), { recursive: true })
  }
  workspace.write('tree/below/leaf.txt', 'leaf')
  workspace.write('listing/one.txt', '1')
  workspace.write('listing/below/two.txt', '2')
  symlinkSync('link', workspace.file('toLink'))
  workspace.write('byHand.json', '{ "value": 1 }')
  install(workspace, 'onnxruntime-node', [
    'package.json',
    'dist',
    join('bin', 'napi-v6', process.platform, process.arch),
  ])
  install(workspace, 'onnxruntime-common')
  for (const link of ['link', 'nativeLink']) symlinkSync('linked.txt', workspace.file(link))
  for (const folder of ['links', 'listed']) symlinkSync('../linked.txt', workspace.file(folder, 'one'))
  workspace.write('lib/package.json', '{ "main": "a.js" }')
  for (const name of ['a', 'b']) workspace.write(`lib/${name}.js`, `module.exports = '${name}'`)
  workspace.write('common/one.js', 'module.exports = 1')
  workspace.write('common/two.js', 'module.exports = 2')
  symlinkSync('one.js', workspace.file('common/current.js'))
  workspace.write('common/plug.cjs', `module.exports = async () => (await import('./dep.mjs')).n`)
  workspace.write('common/dep.mjs', 'export const n = 1')
  workspace.write('kept/one.txt', 'one')
  workspace.write('typed/kind.js', 'globalThis.ownKind = typeof require')
  workspace.write('common/package.json', '{}')
  workspace.write('common/shadowed/index.js', 'exports.n = 1')
  workspace.write('own.env', 'FROM_FILE=1')
  workspace.write('required.json', '{ "value": 1 }')
  workspace.write('code.cjs', 'module.exports = () => 1')
  workspace.write('node_modules/reader/package.json', '{ "name": "reader", "version": "1.0.0" }')
  workspace.write(
    'node_modules/reader/index.js',
    `module.exports = () => require('fs').readFileSync(__dirname + '/../../by-package.txt', 'utf8')`,
  )
  workspace.write('node_modules/version/package.json', '{ "name": "version", "version": "1.0.0" }')
  workspace.write('node_modules/version/index.js', `module.exports = require('./package.json').version`)
}

describe("what a stage of the user's own reads besides what it is given", () => {
  const workspace = workspaceForAll()
  const genepool = (call: string, env: Readonly<Record<string, string>> = {}): Promise<Finished> =>
    runCli(call.split(' '), {
      cwd: workspace.path,
      timeoutMs: 390_000,
      env: { OWN_ROOT: workspace.path, TZ: 'UTC', LC_ALL: 'en_US.UTF-8', ...env },
    })
  const planned = async (env: Readonly<Record<string, string>> = {}) => {
    const { stdout } = await genepool('plan traced.mjs --json', env)
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Partial<PlannedStage>)
    return lines.filter(({ status }) => status !== undefined) as readonly PlannedStage[]
  }
  const toRun = async (env: Readonly<Record<string, string>> = {}): Promise<readonly string[]> =>
    (await planned(env)).flatMap(({ stage, status }) => (status === 'run' ? [stage] : []))
  const readBy = async (stage: string): Promise<Readonly<Record<string, unknown>>> => {
    const { stdout } = await genepool(`show traced.mjs ${stage} --trace --json`)
    return (JSON.parse(stdout) as { reads: Readonly<Record<string, unknown>> }).reads
  }

  before(async function () {
    // A process for each of more than fifty stages.
    this.timeout(400_000)
    prepareFiles(workspace)
    const computes = Object.fromEntries(Object.entries(reads).map(([name, { compute }]) => [name, compute]))
    workspace.write('traced.mjs', definition({ ...computes, nothing: '() => 1' }))
    const run = await genepool('run traced.mjs --json')
    expect(countsOf(run), run.stderr).to.include({ failed: 0, ran: Object.keys(reads).length + 1 })
  })

  it('is nothing new in a second run', async () => {
    expect(await toRun()).to.deep.equal([])
  })

  it('is written down, and nothing absurd with it', async () => {
    expect(Object.keys(await readBy('nothing'))).to.deep.equal([])
    expect(Object.keys(await readBy('sync'))).to.have.members(['env OWN_ROOT', 'file sync.txt'])
    expect(Object.keys(await readBy('stream'))).to.have.members(['env OWN_ROOT', 'file stream.txt'])
    expect(Object.keys(await readBy('hours'))).to.deep.equal(['zone of the process'])
    expect(await readBy('missing')).to.include({ 'path missing.txt': null })
    const { stdout } = await genepool('show traced.mjs sync --trace')
    expect(stdout)
      .to.match(/modules.*\n\s+traced\.mjs\s+\d/)
      .and.to.match(/read besides\n\s+env OWN_ROOT/)
  })

  const named = (which: (read: Read) => boolean): readonly string[] =>
    Object.entries(reads).flatMap(([name, read]) => (which(read) ? [name] : []))

  it('counts, whatever way it was read, until it is as it was', async () => {
    cpSync(workspace.path, `${workspace.path}-before`, { recursive: true, verbatimSymlinks: true })
    for (const { edit } of Object.values(reads)) edit?.(workspace)
    expect(await toRun()).to.have.members(named(({ edit }) => edit !== undefined))
    for (const each of readdirSync(workspace.path)) {
      if (each !== '.genepool') rmSync(workspace.file(each), { recursive: true })
    }
    const back = { recursive: true, verbatimSymlinks: true, filter: (from: string) => !from.endsWith('.genepool') }
    cpSync(`${workspace.path}-before`, workspace.path, back)
    rmSync(`${workspace.path}-before`, { recursive: true })
    expect(await toRun()).to.deep.equal([])
  })

  const environments = new Set(
    Object.values(reads).flatMap(({ env }) => (env === undefined ? [] : [JSON.stringify(env)])),
  )
  for (const env of environments) {
    it(`counts with another environment: ${env}`, async () => {
      expect(await toRun(JSON.parse(env) as Record<string, string>)).to.have.members(
        named(
          (read) => JSON.stringify(read.env) === env || (read.alsoIn ?? []).some((name) => env.includes(`"${name}"`)),
        ),
      )
    })
  }

  it('is told by name where it has changed', async () => {
    workspace.write('sync.txt', 'other')
    const { stdout } = await genepool('explain traced.mjs sync')
    expect(stdout).to.match(/sync\.txt, which it reads, changed/)
    const { events } = await genepool('run traced.mjs --json --only sync')
    expect(stagesWith(events, 'stage-finished')).to.deep.equal(['sync'])
    workspace.write('sync.txt', 'sync')
    expect(await toRun()).to.deep.equal([])
  })
})

describe('modules that a stage loads by names that nothing says', () => {
  const workspace = workspaceForAll()
  const genepool = (call: string): Promise<Finished> =>
    runCli(call.split(' '), { cwd: workspace.path, env: { OWN_ROOT: workspace.path } })
  const compute = `async () => {
  const load = async (name) => { try { return (await import(at(name + '.mjs'))).n } catch { return 'none' } }
  return [await load('there'), await load('later')]
}`

  it('count, with all that they import, and so does one that was looked for in vain', async () => {
    workspace.write('there.mjs', "import { m } from './below.mjs'\nexport const n = m")
    workspace.write('below.mjs', 'export const m = 1')
    workspace.write('traced.mjs', definition({ own: compute }))
    const ran = async (): Promise<unknown> => countsOf(await genepool('run traced.mjs --json')).ran
    expect(await ran()).to.equal(1)
    expect(await ran()).to.equal(0)
    workspace.write('below.mjs', 'export const m = 2')
    expect(await ran()).to.equal(1)
    workspace.write('later.mjs', 'export const n = 3')
    expect(await ran()).to.equal(1)
    unlinkSync(workspace.file('later.mjs'))
    expect(await ran()).to.equal(0)
  })

  it('count with the tsconfig.json that leads to them', async () => {
    workspace.write('common/package.json', '{}')
    for (const n of [1, 2]) workspace.write(`common/${n}/lib.ts`, `export const n = ${n}`)
    workspace.write(
      'common/own.ts',
      `import { pipeline, stage } from 'genepool'\nimport { n } from 'at/lib'\nexport default pipeline('p').add(stage('s', { run: () => ({ n }) }))`,
    )
    const summaries = async (n: number): Promise<readonly unknown[]> => {
      workspace.write('common/tsconfig.json', '{ "extends": "./base" }')
      workspace.write('common/base.json', `{ "compilerOptions": { "paths": { "at/*": ["./${n}/*"] } } }`)
      const { events } = await runCli('run own.ts --json'.split(' '), { cwd: workspace.file('common') })
      return eventsOf(events, 'stage-finished').map(({ summary }) => summary)
    }
    expect(await summaries(1)).to.deep.equal([{ n: 1 }])
    expect(await summaries(2)).to.deep.equal([{ n: 2 }])
    expect(await summaries(1)).to.deep.equal([])
  })

  it('count where a package loads them for it', async () => {
    workspace.write(
      'node_modules/settings/package.json',
      JSON.stringify({ name: 'settings', version: '1.0.0', type: 'module', exports: './settings.js' }),
    )
    workspace.write('node_modules/settings/settings.js', 'export const load = async (file) => (await import(file)).n')
    workspace.write(
      'named.mjs',
      `import { pipeline, stage } from 'genepool'
import { load } from 'settings'
const run = async () => ({ n: await load(process.env.OWN_ROOT + '/named/there.mjs') })
export default pipeline('named').add(stage('own', { run }))
`,
    )
    workspace.write('named/below.mjs', 'export const m = 1')
    workspace.write(
      'named/there.mjs',
      `import { m } from './below.mjs'
export const n = await import('./later.mjs').then(({ n }) => n, () => m)
`,
    )
    const summary = async (): Promise<unknown> => {
      const { events } = await genepool('run named.mjs --json')
      return eventsOf(events, 'stage-finished').map((event) => event.summary)
    }
    expect(await summary()).to.deep.equal([{ n: 1 }])
    expect(await summary()).to.deep.equal([])
    workspace.write('named/below.mjs', 'export const m = 2')
    expect(await summary()).to.deep.equal([{ n: 2 }])
    workspace.write('named/later.mjs', 'export const n = 3')
    expect(await summary()).to.deep.equal([{ n: 3 }])
    unlinkSync(workspace.file('named/later.mjs'))
    expect(await summary()).to.deep.equal([])
  })
})

/** What leaves every trace, and where in its `run`. */
const escapes: Readonly<Record<string, readonly [trust: string, compute: string]>> = {
  now: ['clock', '() => new AsyncLocalStorage().run(0, Date.now) > 0'],
  date: ['clock', '() => new Date().getTime() > 0'],
  called: ['clock', '() => Date(5).length > 0'],
  bound: ['addon', `() => typeof process['bind' + 'ing']('fs')`],
  elapsed: ['clock', '() => performance.now() > 0'],
  hrtime: ['clock', '() => process.hrtime.bigint() > 0'],
  random: ['randomness', '() => Math.random() < 2'],
  effect: [
    'randomness',
    `async () => (await import('effect/Effect')).runSync((await import('effect/Random')).next) < 2`,
  ],
  key: [
    'randomness',
    `async () => (await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, true, ['encrypt'])).type`,
  ],
  pair: ['randomness', `() => crypto.createECDH('prime256v1').generateKeys().length`],
  used: ['clock', '() => process.cpuUsage().user > 0'],
  formatted: ['clock', `() => new Intl.DateTimeFormat('en', { timeZone: 'UTC' }).format().length > 0`],
  origin: ['clock', '() => performance.nodeTiming.duration > 0'],
  marked: ['clock', `() => performance.mark('own').startTime > 0`],
  event: ['clock', `() => new Event('own').timeStamp > 0`],
  signed: [
    'randomness',
    `() => crypto.sign('sha256', 'text', crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey).length > 0`,
  ],
  resolver: [
    'network',
    `() => new Promise((resolve) => new dns.Resolver().resolve4('localhost', () => resolve('asked')))`,
  ],
  uuid: ['randomness', '() => crypto.randomUUID().length'],
  web: ['randomness', '() => globalThis.crypto.getRandomValues(new Uint8Array(2)).length'],
  program: ['child_process', `() => childProcess.execFileSync(process.execPath, ['--version']).length > 0`],
  esbuild: ['child_process', `async () => (await (await import('esbuild')).transform('1 + 1')).code.length`],
  thread: ['worker_threads', `() => new Promise((resolve) => new Worker('0', { eval: true }).on('exit', resolve))`],
  context: ['vm', `() => vm.runInNewContext('1 + 1')`],
  socket: ['network', `() => fetch('http://127.0.0.1:9/').catch(() => 'refused')`],
  addon: ['addon', `() => { try { process.dlopen({ exports: {} }, at('none.node')) } catch { return 'none' } }`],
}

describe('a stage that uses what nobody can write down', function () {
  // A process for each of some thirty stages, several times.
  this.timeout(600_000)
  const workspace = workspaceForAll()
  const genepool = (call: string): Promise<Finished> =>
    runCli(call.split(' '), { cwd: workspace.path, env: { OWN_ROOT: workspace.path }, timeoutMs: 390_000 })
  const computes = Object.fromEntries(Object.entries(escapes).map(([name, [, compute]]) => [name, compute]))

  it('is computed every time, and the run names what and where', async () => {
    install(workspace, 'esbuild')
    install(workspace, `@esbuild/${process.platform}-${process.arch}`)
    workspace.write('traced.mjs', definition(computes))
    const lines = definition(computes).split('\n')
    const { events, stderr } = await genepool('run traced.mjs --json')
    const warnings = events.flatMap((event) => (event.type === 'warning' ? [event.message] : [])).join('\n')
    for (const [name, [trust]] of Object.entries(escapes)) {
      const line = lines.findIndex((each) => each.includes(`stage('${name}'`)) + 2
      expect(warnings, stderr).to.match(
        new RegExp(`${name} uses .* \\(traced\\.mjs:${line}\\).*trusts: \\['${trust}'\\]`),
      )
    }
    expect(countsOf(await genepool('run traced.mjs --json'))).to.include({
      ran: Object.keys(escapes).length,
      cached: 0,
    })
  })

  it('is told from what only looks like it', async () => {
    const harmless = {
      data: `async () => (await fetch('data:,text')).text()`,
      formatted: `() => new Intl.DateTimeFormat('en', { timeZone: 'UTC' }).format(0)`,
      signed: `async () => {
  const way = { name: 'HMAC', hash: 'SHA-256' }
  const key = await crypto.subtle.importKey('raw', new Uint8Array(32), way, false, ['sign'])
  return Buffer.from(await crypto.subtle.sign(way.name, key, new Uint8Array(2))).toString('hex')
}`,
      zoned: `() => { process.env.TZ = 'Asia/Tokyo'; return new Date(0).getHours() }`,
      streamed: `async () => {
  const file = await fsp.open(at('harmless' + '.mjs'))
  let parts = 0
  for await (const part of file.readableWebStream()) parts += part.byteLength > 0 ? 0 : 1
  await file.close()
  return parts
}`,
      dated: `() => new Date(0).toISOString() + Date.UTC(2024) + (1).toLocaleString('en')`,
    }
    workspace.write('harmless.mjs', definition(harmless))
    expect(countsOf(await genepool('run harmless.mjs --json'))).to.include({ failed: 0 })
    expect(countsOf(await genepool('run harmless.mjs --json'))).to.include({ ran: 0 })
  })

  it('is a hit where it vouches for that, and stays on record', async () => {
    const trusts = Object.fromEntries(Object.entries(escapes).map(([name, [trust]]) => [name, `trusts: ['${trust}'],`]))
    workspace.write('traced.mjs', definition(computes, trusts))
    expect(countsOf(await genepool('run traced.mjs --json'))).to.include({ failed: 0 })
    expect(countsOf(await genepool('run traced.mjs --json'))).to.include({ ran: 0 })
    const { stdout } = await genepool('show traced.mjs now --json')
    expect(JSON.parse(stdout)).to.nested.include({ 'identity.trusts[0]': 'clock' })
    expect((await genepool('lineage traced.mjs now')).stdout).to.match(/vouches for clock/)
    workspace.write('traced.mjs', definition(computes))
    expect(countsOf(await genepool('run traced.mjs --json'))).to.include({ cached: 0 })
  })
})

describe('what a stage makes for itself', () => {
  const workspace = workspaceForEach()
  const genepool = (call: string): Promise<Finished> =>
    runCli(call.split(' '), { cwd: workspace.path, env: { OWN_ROOT: workspace.path } })

  it('is no more than it read: folders of its own, files that it wrote', async () => {
    const compute = `async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'own-'))
  const other = await fsp.mkdtemp(path.join(os.tmpdir(), 'own-'))
  fs.writeFileSync(path.join(folder, 'a'), 'x')
  fs.writeFileSync(path.join(other, 'b'), 'y')
  const found = [fs.readdirSync(folder), fs.readFileSync(path.join(folder, 'a'), 'utf8'), fs.readFileSync(path.join(other, 'b'), 'utf8')]
  for (const each of [folder, other]) fs.rmSync(each, { recursive: true })
  return found.join()
}`
    const within = `({ outDir }) => {
  fs.mkdirSync(path.join(outDir, 'gen'))
  fs.writeFileSync(path.join(outDir, 'gen', 'one.cjs'), 'module.exports = 1')
  const one = createRequire(path.join(outDir, 'x.js'))('./gen/' + 'one.cjs')
  process.chdir(outDir)
  return [one, fs.readFileSync('gen/one.cjs', 'utf8'), fs.readdirSync('gen')].join()
}`
    workspace.write('traced.mjs', definition({ own: compute, within }))
    expect(countsOf(await genepool('run traced.mjs --json'))).to.include({ ran: 2 })
    for (const [stage, known] of [
      ['own', /^env T(E?MP|MPDIR)/],
      ['within', /^cwd /],
    ] as const) {
      const { stdout } = await genepool(`show traced.mjs ${stage} --trace --json`)
      const { reads } = JSON.parse(stdout) as { reads: Readonly<Record<string, unknown>> }
      expect(Object.keys(reads).filter((name) => !known.test(name))).to.deep.equal([])
    }
    expect(countsOf(await genepool('run traced.mjs --json'))).to.include({ ran: 0, cached: 2 })
  })

  it('counts where it had read it before: a file that it goes on writing', async () => {
    workspace.write('count.txt', '1')
    const compute = `() => {
  const file = at('count' + '.txt')
  const count = Number(fs.readFileSync(file, 'utf8'))
  fs.writeFileSync(file, String(Math.min(3, count + 1)))
  return count
}`
    workspace.write('traced.mjs', definition({ own: compute }))
    const ran: unknown[] = []
    for (let round = 0; round < 4; round++) {
      await genepool('run traced.mjs --json')
      const { stdout } = await genepool('show traced.mjs own --json')
      ran.push(stdout === '' ? 'another' : 'the same')
    }
    expect(ran).to.deep.equal(['another', 'another', 'the same', 'the same'])
    expect(countsOf(await genepool('run traced.mjs --json'))).to.include({ ran: 0, cached: 1 })
  })
})

describe('an interrupted stage whose files change', () => {
  const workspace = workspaceForEach()
  const env = (): Readonly<Record<string, string>> => ({ OWN_ROOT: workspace.path })
  const compute = `async ({ checkpointDir, signal }) => {
  const kept = path.join(checkpointDir, 'kept')
  const begun = fs.existsSync(kept) ? fs.readFileSync(kept, 'utf8') : undefined
  if (begun !== undefined) return begun
  fs.writeFileSync(kept, fs.readFileSync(at('config' + '.txt'), 'utf8'))
  fs.writeFileSync(at('begun'), '')
  if (fs.existsSync(at('wait'))) await new Promise((resolve) => signal.addEventListener('abort', resolve))
  return fs.readFileSync(kept, 'utf8')
}`

  for (const [now, expected] of [
    ['new', 'new'],
    ['old', 'old'],
  ] as const) {
    it(`goes on from its checkpoint only where they did not: ${now}`, async () => {
      workspace.write('config.txt', 'old')
      workspace.write('wait', '')
      workspace.write('traced.mjs', definition({ own: compute }))
      const running = startCli(['run', 'traced.mjs', '--json'], { cwd: workspace.path, env: env() })
      while (!readdirSync(workspace.path).includes('begun')) await pause(20)
      running.signalGroup('SIGINT')
      expect((await running.done).code).to.equal(130)
      if (now !== 'old') workspace.write('config.txt', now)
      unlinkSync(workspace.file('wait'))
      const { events } = await runCli(['run', 'traced.mjs', '--json'], { cwd: workspace.path, env: env() })
      expect(stagesWith(events, 'stage-finished')).to.deep.equal(['own'])
      const { stdout } = await runCli(['show', 'traced.mjs', 'own', '--json'], { cwd: workspace.path, env: env() })
      const { folder } = JSON.parse(stdout) as { folder: string }
      expect(readFileSync(`${folder}/out`, 'utf8')).to.equal(expected)
    })
  }
})
