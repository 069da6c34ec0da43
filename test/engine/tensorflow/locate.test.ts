import { expect } from 'chai'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { locateTensorflow, tensorflowVersions } from '../../../src/engine/installed.js'
import { tempFolderForEach } from './made-files.js'

const { version } = JSON.parse(readFileSync('node_modules/@tensorflow/tfjs-core/package.json', 'utf8')) as {
  version: string
}
const platform = `${process.platform}-${process.arch}`

describe('the TensorFlow that is located', () => {
  const folder = tempFolderForEach()
  const made = (name: string, more: Record<string, unknown>): void => {
    const manifest = {
      package: { name: '@tensorflow/tfjs-node', version },
      libtensorflow: name,
      gpu: false,
      platform,
      builtAt: '2026-01-01T00:00:00.000Z',
      files: { 'addon/tfjs_binding.node': {}, 'lib/libtensorflow_cc.so.2': {} },
      ...more,
    }
    folder.write(`cache/tensorflow/${name}/manifest.json`, JSON.stringify(manifest))
  }
  const buildFound = (): string | undefined => {
    const located = locateTensorflow()
    return located?.origin === 'build' ? located.libtensorflow : undefined
  }

  it('is the newest build', () => {
    made('2.20.0', { builtAt: '2026-01-02T00:00:00.000Z' })
    made('2.21.0', { builtAt: '2026-01-01T00:00:00.000Z' })
    expect(buildFound()).to.equal('2.20.0')
  })

  it('is described by its files and its versions', () => {
    made('2.21.0', { gpu: true })
    const at = join(folder.path, 'cache', 'tensorflow', '2.21.0')
    const located = locateTensorflow()!
    expect(located).to.deep.equal({
      origin: 'build',
      name: '@tensorflow/tfjs-node',
      version,
      folder: join(at, 'package'),
      addon: join(at, 'addon/tfjs_binding.node'),
      libraries: [join(at, 'lib/libtensorflow_cc.so.2')],
      libtensorflow: '2.21.0',
      gpu: true,
    })
    expect(tensorflowVersions(located)).to.deep.equal({ '@tensorflow/tfjs-node': version, libtensorflow: '2.21.0' })
  })

  it('is no build for another platform, another TensorFlow.js, half written or still being made', () => {
    made('a', { platform: 'plan9-mips' })
    made('b', { package: { name: '@tensorflow/tfjs-node', version: '0.0.1' } })
    made('.building-1-x', {})
    folder.write('cache/tensorflow/c/manifest.json', '{"half')
    expect(buildFound()).to.equal(undefined)
  })

  it('is found without loading anything of it', () => {
    made('2.21.0', {})
    const script = `
      import { createRequire } from 'node:module'
      const { locateTensorflow } = await import('./src/engine/installed.ts')
      const { libtensorflow } = locateTensorflow()
      const loaded = Object.keys(createRequire(import.meta.url).cache).filter((path) => /tfjs/.test(path))
      process.stdout.write(libtensorflow + ' ' + loaded.length)`
    const printed = execFileSync(process.execPath, ['--import=tsx', '--input-type=module', '-e', script])
    expect(String(printed)).to.equal('2.21.0 0')
  })
})
