import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { start } from '../support/child.js'
import { runCli } from '../support/cli.js'
import { checkout, workspaceForEach } from '../support/workspace.js'

describe('what the engine has compiled of the program', () => {
  const workspace = workspaceForEach()
  const call = () =>
    runCli(['engine', '--help'], { cwd: workspace.path, env: { GENEPOOL_CACHE: workspace.file('cache') } })
  const codes = (): readonly string[] =>
    readdirSync(workspace.file('cache', 'program')).map((name) => workspace.file('cache', 'program', name))

  it('is kept, and serves the next call', async () => {
    const first = await call()
    expect(codes()).to.have.length(1)
    const [file] = codes()
    const { mtimeMs, size } = statSync(file)
    expect(size).to.be.above(100_000)
    const second = await call()
    expect(second.stdout).to.equal(first.stdout)
    // Written anew it would not have been used.
    expect(statSync(file).mtimeMs).to.equal(mtimeMs)
  })

  it('is made again where it is damaged: the engine itself would run what is there', async () => {
    const { stdout } = await call()
    const [file] = codes()
    const whole = readFileSync(file)
    const flipped = Buffer.from(whole)
    for (let at = 1_000; at < flipped.length; at += 997) flipped[at] ^= 0x55
    for (const damage of [flipped, whole.subarray(0, whole.length / 2), Buffer.alloc(0), Buffer.alloc(64, '0')]) {
      writeFileSync(file, damage)
      const again = await call()
      expect(again, `${damage.length} bytes`).to.deep.include({ code: 0, stderr: '', stdout })
      expect(readFileSync(file).length, `${damage.length} bytes`).to.be.above(100_000)
      expect(readFileSync(file).equals(damage)).to.equal(false)
    }
  })

  it('is not missed where it cannot be kept', async () => {
    mkdirSync(workspace.file('cache'))
    writeFileSync(workspace.file('cache', 'program'), '')
    const { code, stderr, stdout } = await call()
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
    expect(stdout).to.include('USAGE')
  })

  it('is not run where the program is another one of the same length', async () => {
    const copy = workspace.file('copy')
    cpSync(join(checkout, 'dist'), join(copy, 'dist'), { recursive: true })
    cpSync(join(checkout, 'package.json'), join(copy, 'package.json'))
    symlinkSync(join(checkout, 'node_modules'), join(copy, 'node_modules'))
    const help = () =>
      start([join(copy, 'dist', 'cli', 'bin.js'), 'engine', '--help'], {
        cwd: workspace.path,
        env: { GENEPOOL_CACHE: workspace.file('cache') },
      }).done
    const { stdout } = await help()
    expect(stdout).to.include('installation')
    const script = join(copy, 'dist', 'program.cjs')
    writeFileSync(script, readFileSync(script, 'utf8').replaceAll('installation', 'INSTALLATION'))
    expect((await help()).stdout).to.equal(stdout.replaceAll('installation', 'INSTALLATION'))
  })

  if (process.platform === 'linux')
    it('is not missed where the system does not say that a folder cannot be made', async () => {
      const env = { GENEPOOL_CACHE: '/proc/genepool' }
      const { code, stderr, ms } = await runCli(['engine', '--help'], { cwd: workspace.path, env, timeoutMs: 20_000 })
      expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' })
      expect(ms).to.be.below(15_000)
    })
})
