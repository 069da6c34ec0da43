import { expect } from 'chai'
import { execFileSync } from 'node:child_process'
import { pathToFileURL } from 'node:url'
import { stageKinds } from '../../src/stages/registry.js'

describe('the registry of stages', () => {
  it('names modules that export their stage function', async () => {
    expect(stageKinds.map(({ kind }) => kind)).to.deep.equal([
      'data',
      'teacher',
      'anchor',
      'distill',
      'pool',
      'stitch',
      'single',
      'latency',
      'evaluate',
    ])
    for (const { module, entry } of stageKinds) {
      const name = 'export' in entry ? entry.export : ''
      const exports = (await import(pathToFileURL(module).href)) as Record<string, unknown>
      expect(exports[name], name).to.be.a('function')
    }
  })

  it('loads no tensors, unlike the stages that it names', () => {
    // TensorFlow.js leaves its globals behind wherever it is loaded.
    const loadsTensors = (module: string): boolean => {
      const script = `await import(${JSON.stringify(new URL(`../../src/stages/${module}`, import.meta.url).href)})
        console.log('_tfGlobals' in globalThis)`
      const options = ['--import', 'tsx', '--input-type', 'module', '--eval', script]
      return execFileSync(process.execPath, options, { encoding: 'utf8' }).trim() === 'true'
    }
    expect(loadsTensors('registry.ts')).to.equal(false)
    expect(loadsTensors('teacher.ts')).to.equal(true)
  })
})
