import { expect } from 'chai'
import { chmodSync, readdirSync } from 'node:fs'
import { runCli, startCli } from '../support/cli.js'
import { workspaceForEach } from '../support/workspace.js'

describe('genepool engine', () => {
  const workspace = workspaceForEach()
  const options = () => ({ cwd: workspace.path, env: { GENEPOOL_CACHE: workspace.file('cache') } })
  const run = (...args: readonly string[]) => runCli(['engine', ...args], options())

  it('ends a wrong call with 2 and a sentence', async () => {
    const both = await run('build', 'tensorflow', '--from', 'x.whl', '--release', '2.21.0')
    expect([both.code, both.stdout]).to.deep.equal([2, ''])
    expect(both.stderr).to.match(/^genepool: --from and --release exclude each other/)
    expect((await run('build', 'tensorflow', '--release', 'new')).code).to.equal(2)
    expect((await run('build', 'pytorch')).code).to.equal(2)
    expect((await run('install', 'rocm')).code).to.equal(2)
  })

  it('ends a build that fails with 1, one sentence and an empty cache folder', async () => {
    const failed = await runCli(['engine', 'build', 'tensorflow', '--from', workspace.write('a.whl', 'text')], {
      ...options(),
      // Any program that names its version will do for a compiler that is not reached.
      env: { ...options().env, CXX: process.execPath },
    })
    expect(failed.code, failed.stderr).to.equal(1)
    expect(failed.stderr).to.match(/^genepool: .*a\.whl is not a whole wheel: .*; download it again\n$/)
    expect(readdirSync(workspace.file('cache', 'tensorflow'))).to.deep.equal([])
  })

  it('prints steps as JSON for programs', async () => {
    const failed = await runCli(
      ['engine', 'build', 'tensorflow', '--json', '--from', workspace.write('a.whl', 'text')],
      {
        ...options(),
        env: { ...options().env, CXX: process.execPath },
      },
    )
    expect(failed.stdout).to.equal('{"type":"step","step":"taking the library out of a.whl"}\n')
  })

  it('leaves nothing behind when it is interrupted', async () => {
    // Its pip never answers.
    workspace.write('python3', '#!/bin/sh\nexec sleep 60\n')
    chmodSync(workspace.file('python3'), 0o755)
    const running = startCli(['engine', 'build', 'tensorflow', '--json'], {
      cwd: workspace.path,
      env: { ...options().env, CXX: process.execPath, PATH: `${workspace.path}:${process.env['PATH']}` },
    })
    await running.waitFor((event) => (event as { readonly type: string }).type === 'step')
    running.signalGroup('SIGINT')
    const ended = await running.done
    expect(ended.code, ended.stderr).to.equal(130)
    expect(readdirSync(workspace.file('cache', 'tensorflow'))).to.deep.equal([])
  })
})
