import * as tf from '@tensorflow/tfjs-core'
import { expect } from 'chai'
import { packageLoader } from '../../../src/engine/tensorflow/load-package.js'
import { tempFolderForEach } from './made-files.js'

describe('the loader of the addon’s JavaScript', () => {
  const folder = tempFolderForEach()
  const load = (files: Readonly<Record<string, string>>): Record<string, unknown> => {
    for (const [name, text] of Object.entries(files)) folder.write(name, text)
    return packageLoader(folder.path, tf)('main.js')
  }

  it('gives it the TensorFlow.js that is loaded already, wherever its folder is', () => {
    const { found } = load({ 'main.js': "exports.found = require('@tensorflow/tfjs')" })
    expect(found).to.equal(tf)
  })

  it('gives it the functions that new versions of Node.js lack, and leaves the real module alone', () => {
    const { results, same } = load({
      'main.js': `
        const util = require('util')
        exports.results = [util.isNullOrUndefined(undefined), util.isNullOrUndefined(0), util.isArray([]), util.isArray({})]
        exports.same = util.promisify === require('node:util').promisify`,
    })
    expect(results).to.deep.equal([true, false, true, false])
    expect(same).to.equal(true)
  })

  it('loads its own files once, in a circle too', () => {
    const { value } = load({
      'main.js': "exports.value = require('./a').value + require('./a.js').count()",
      'a.js':
        "let loads = 0; loads++; const b = require('./sub/b'); exports.value = b.value; exports.count = () => loads",
      'sub/b.js': "const a = require('../a'); exports.value = typeof a === 'object' ? 41 : 0",
    })
    expect(value).to.equal(42)
  })

  it('names the file of an error in it', () => {
    expect(() => load({ 'main.js': 'throw new Error("broken")' })).to.throw('broken')
    expect(() => load({ 'main.js': "require('./gone')" })).to.throw(/gone\.js/)
  })
})
