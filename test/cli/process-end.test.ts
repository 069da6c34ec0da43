import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, readlinkSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { isAlive, pause, type Running } from '../support/child.js'
import { runCli, startCli } from '../support/cli.js'
import { eventOf } from '../support/read-events.js'
import { checkout, workspaceForAll } from '../support/workspace.js'

const bin = join(checkout, 'dist', 'cli', 'bin.js')

/** Of nothing but zeros, which take no room; reading them takes seconds. */
const largeBytes = 8 * 2 ** 30

describe('the end of the process', () => {
  const workspace = workspaceForAll()
  const until = async (isSo: () => boolean): Promise<void> => {
    for (let waited = 0; !isSo(); waited += 20) {
      expect(waited, 'it takes too long').to.be.below(20_000)
      await pause(20)
    }
  }
  /** Whether the program has a file of this name open. */
  const reads = ({ pid }: Running, name: string): boolean =>
    readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`).endsWith(name)
      } catch {
        return false
      }
    })
  /** How long it takes to end by a signal, and that it is one. */
  const endsBy = async (running: Running): Promise<number> => {
    const asked = performance.now()
    running.signalGroup('SIGINT')
    const { code, signal, stderr } = await running.done
    expect(code === 130 || signal === 'SIGINT', `${code} ${signal}`).to.be.true
    expect(stderr).to.equal('')
    return performance.now() - asked
  }

  it('comes after a run, whatever its stage and its definition have left behind', async () => {
    workspace.write(
      'leaves.ts',
      `import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { pipeline, stage } from 'genepool'
setInterval(() => {}, 1_000)
createServer().listen()
const leaves = stage('leaves', {
  trusts: ['child_process'],
  run: ({ outDir }) => {
    const { stdout } = spawnSync('sh', ['-c', 'sleep 60 >&2 & echo $!'], { stdio: ['ignore', 'pipe', 'inherit'] })
    writeFileSync('left.pid', stdout)
    writeFileSync(join(outDir, 'out'), '')
  },
})
export default pipeline('leaves').add(leaves)
`,
    )
    const { code, events, stderr, ms } = await runCli(['run', 'leaves.ts', '--json'], { cwd: workspace.path })
    const left = Number(readFileSync(workspace.file('left.pid'), 'utf8'))
    if (isAlive(left)) process.kill(left)
    expect([code, stderr]).to.deep.equal([0, ''])
    expect(events.at(-1)).to.include({ type: 'run-finished', ran: 1 })
    expect(ms).to.be.below(20_000)
  })

  it('comes after all that was printed has gone out, however slowly it is read', () => {
    workspace.write(
      'prints.ts',
      `import { pipeline, stage } from 'genepool'
process.stdout.write('x'.repeat(500_000) + '\\n')
setInterval(() => {}, 1_000)
export default pipeline('prints').add(stage('none', { run: () => {} }))
`,
    )
    const call = `'${process.execPath}' '${bin}' plan prints.ts | (sleep 1; wc -c)`
    const options = { cwd: workspace.path, encoding: 'utf8', timeout: 20_000 } as const
    expect(Number(execFileSync('sh', ['-c', call], options))).to.be.above(500_000)
  })

  it('comes by Ctrl-C while a definition is loaded that never comes to its end', async () => {
    workspace.write('loops.ts', "import { writeFileSync } from 'node:fs'\nwriteFileSync('loops', '')\nfor (;;) {}\n")
    const running = startCli(['run', 'loops.ts'], { cwd: workspace.path })
    await until(() => existsSync(workspace.file('loops')))
    expect(await endsBy(running)).to.be.below(2_000)
  })

  it('comes by Ctrl-C while a large source is read', async () => {
    truncateSync(workspace.write('large', ''), largeBytes)
    workspace.write(
      'reads.ts',
      `import { pipeline, stage } from 'genepool'
export default pipeline('reads').add(stage('reads', { sources: { large: 'large' }, run: () => {} }))
`,
    )
    const running = startCli(['plan', 'reads.ts'], { cwd: workspace.path })
    await until(() => reads(running, '/large'))
    expect(await endsBy(running)).to.be.below(2_000)
  })

  it('comes by Ctrl-C while a large result is stored, of which then nothing can be found', async () => {
    workspace.write(
      'large.ts',
      `import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline, stage } from 'genepool'
const large = stage('large', {
  run: ({ outDir }) => {
    writeFileSync(join(outDir, 'large'), '')
    truncateSync(join(outDir, 'large'), ${largeBytes})
  },
})
export default pipeline('large').add(large)
`,
    )
    const running = startCli(['run', 'large.ts', '--json', '--store', 'large-store'], { cwd: workspace.path })
    await until(() => reads(running, '/out/large'))
    expect(await endsBy(running)).to.be.below(2_000)
    const { events } = await running.done
    expect(eventOf(events, 'stage-interrupted', 'large').stage).to.equal('large')
    expect(events.at(-1)).to.include({ type: 'run-finished', interrupted: true, ran: 0 })
    const left = ['staging', 'locks', 'blobs', 'actions'].flatMap((part) => {
      const folder = workspace.file('large-store', part)
      return existsSync(folder) ? readdirSync(folder) : []
    })
    expect(left).to.deep.equal([])
  })
})
