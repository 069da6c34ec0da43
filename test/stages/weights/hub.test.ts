import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect } from 'chai'
import { fetchModel } from '../../../src/stages/weights/hub-download.js'
import { weightFiles } from '../../../src/stages/weights/weight-files.js'
import { weightSources } from '../../../src/stages/sources.js'
import { runCli } from '../../support/cli.js'
import { checkout } from '../../support/workspace.js'
import { tempFolder } from '../temp-folder.js'

const FIXTURE = join(checkout, 'test/fixtures/pretrained/timm-deit')
const COMMIT = 'c0ffee'.padEnd(40, '0')
const NAMES = ['README.md', 'config.json', 'model.safetensors']

const contentOf = (name: string): Buffer =>
  name === 'README.md' ? Buffer.from('a model') : readFileSync(join(FIXTURE, name))

/** As the hub lists it: large files by sha256, others by the sha1 that git gives them. */
const entryOf = (path: string) => {
  const content = contentOf(path)
  const oid = createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex')
  const large = { lfs: { oid: createHash('sha256').update(content).digest('hex'), size: content.length } }
  return { type: 'file', path, size: content.length, oid, ...(path.endsWith('.safetensors') && large) }
}

describe('a model of the Hugging Face hub', () => {
  const folder = tempFolder()
  /** What was asked for of a file, as its range says. */
  let ranges: string[] = []
  /** Bytes of the weights after which the connection breaks, and what is done to them. */
  let cutAt = Infinity
  let spoil = (content: Buffer): Buffer => content
  let listed: readonly string[] = NAMES
  let server: Server
  let environment: Record<string, string | undefined> = {}

  /** The hub's routes: a revision's commit, the files of a commit, a file or a range of it. */
  const answer = ({ url = '', headers }: IncomingMessage, response: ServerResponse): void => {
    const json = (status: number, value: unknown): void =>
      void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
    if (/^\/api\/models\/owner\/tiny\/revision\/(main|c0ffee0+)\?/.test(url))
      return json(200, { id: 'owner/tiny', sha: COMMIT })
    if (url.startsWith(`/api/models/owner/tiny/tree/${COMMIT}?`)) return json(200, listed.map(entryOf))
    const [, name] = new RegExp(`^/owner/tiny/resolve/${COMMIT}/(.+)$`).exec(url) ?? []
    if (name === undefined) return json(404, { error: 'Repository not found' })
    const whole = spoil(contentOf(name))
    const [, from = '0', to = String(whole.length - 1)] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? []
    const part = whole.subarray(Number(from), Number(to) + 1)
    const isProbe = to === '0'
    if (!isProbe) ranges.push(`${name} ${from}`)
    response.writeHead(headers.range === undefined ? 200 : 206, {
      'content-length': part.length,
      'content-range': `bytes ${from}-${to}/${whole.length}`,
      etag: '"etag"',
    })
    if (isProbe || part.length <= cutAt) return void response.end(part)
    response.write(part.subarray(0, cutAt), () => setTimeout(() => response.destroy(), 50))
  }

  beforeEach(async () => {
    ranges = []
    cutAt = Infinity
    spoil = (content) => content
    listed = NAMES
    server = createServer(answer)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const set = { HF_ENDPOINT: `http://127.0.0.1:${port}/`, HF_HUB_CACHE: folder.file('hub'), HF_TOKEN: '' }
    environment = Object.fromEntries(Object.keys(set).map((name) => [name, process.env[name]]))
    Object.assign(process.env, set)
  })
  afterEach(() => {
    server.close()
    for (const [name, value] of Object.entries(environment)) {
      if (value === undefined) delete process.env[name]
      else process.env[name] = value
    }
  })

  const bring = (weights: string) => fetchModel(weights, new AbortController().signal, () => {})
  const failure = async (weights: string): Promise<string> =>
    bring(weights).then(
      () => 'nothing failed',
      (cause: Error) => cause.message,
    )
  const inModel = (name: string): string => folder.file(`hub/models--owner--tiny/${name}`)

  it('comes whole after a broken download, which goes on where it ended, and is then there without the hub', async () => {
    expect(() => weightSources({ weights: 'hf:owner/tiny' }, folder.path)).to.throw(
      /^hf:owner\/tiny: is not on this machine \(.*models--owner--tiny\): genepool fetch hf:owner\/tiny brings it$/,
    )
    cutAt = 6_000
    expect(await failure('hf:owner/tiny')).to.match(
      /^hf:owner\/tiny: the hub cannot be reached, or broke off \(.+\); what/,
    )
    expect(existsSync(inModel('snapshots'))).to.equal(false)
    cutAt = Infinity
    const fetched = await bring('hf:owner/tiny')
    const size = contentOf('model.safetensors').length
    expect(ranges).to.deep.equal(['config.json 0', 'model.safetensors 0', 'model.safetensors 6000'])
    expect(fetched).to.deep.include({
      folder: inModel(`snapshots/${COMMIT}`),
      commit: COMMIT,
      files: ['config.json', 'model.safetensors'],
      downloaded: size - 6_000,
    })
    for (const name of fetched.files)
      expect(readFileSync(join(fetched.folder, name)).equals(contentOf(name))).to.equal(true)

    ranges = []
    expect(await bring(`hf:owner/tiny@${COMMIT}`)).to.deep.equal({ ...fetched, downloaded: 0 })
    expect(ranges).to.deep.equal([])
    server.close()
    server.closeAllConnections()
    for (const weights of ['hf:owner/tiny', 'hf:owner/tiny@main', `hf:owner/tiny@${COMMIT}`]) {
      expect(weightFiles(weights)).to.deep.equal({
        weights: inModel(`snapshots/${COMMIT}/model.safetensors`),
        config: inModel(`snapshots/${COMMIT}/config.json`),
      })
    }
    const { HF_HUB_CACHE, HF_ENDPOINT } = process.env as Record<string, string>
    const options = { cwd: folder.path, env: { HF_HUB_CACHE, HF_ENDPOINT } }
    const inspected = await runCli(['inspect', 'hf:owner/tiny'], options)
    expect(inspected.stdout, inspected.stderr).to.match(/^pretrained\('hf:owner\/tiny', \{ embedDim: 12, /)
    const offline = await runCli(['fetch', 'hf:owner/tiny'], options)
    expect([offline.code, offline.stdout]).to.deep.equal([1, ''])
    expect(offline.stderr).to.match(
      /^genepool: hf:owner\/tiny: the hub cannot be reached, or broke off \(ECONNREFUSED\); [^\n]*\n$/,
    )
  })

  it('with other bytes than are stated, without weights that are read, or that is not there is refused', async () => {
    spoil = (content) => Buffer.from(content).fill(0x20, 100, 110)
    expect(await failure('hf:owner/tiny')).to.match(/: config\.json came with other bytes than the hub states/)
    expect(readdirSync(inModel('blobs'))).to.deep.equal([])
    listed = ['README.md']
    expect(await failure('hf:owner/tiny')).to.equal('hf:owner/tiny: has no model.safetensors')
    expect(await failure('hf:owner/none')).to.match(/the hub has no such model or revision, or does not give it/)
    for (const wrong of ['hf:owner', 'hf:../tiny', 'hf:owner/tiny@../../x', 'hf:owner/tiny@']) {
      expect(await failure(wrong)).to.equal(`${wrong}: write hf:owner/name or hf:owner/name@revision`)
    }
    expect(existsSync(inModel('snapshots'))).to.equal(false)
  })
})
