import { existsSync } from 'node:fs'
import { expect } from 'chai'
import { removeOtherPlatforms } from '../../src/engine/onnx/other-platforms.js'
import { tempFolderForEach } from './tensorflow/made-files.js'

describe('what onnxruntime-node brings for other platforms', () => {
  const folder = tempFolderForEach()
  const own = `bin/napi-v6/${process.platform}/${process.arch}`
  const found = () => ({ name: 'onnxruntime-node', version: '1.30.0', folder: folder.path })

  it('is removed and counted, and nothing is left to remove', () => {
    const kept = folder.write(`${own}/onnxruntime_binding.node`, 'own')
    folder.write('bin/napi-v6/plan9/mips/libonnxruntime.so.1', '12345678')
    folder.write('bin/napi-v6/plan9/mips/onnxruntime_binding.node', 'other')
    folder.write(`bin/napi-v6/${process.platform}/mips/onnxruntime_binding.node`, 'other')
    const removed = [...removeOtherPlatforms(found())].sort((a, b) => a.bytes - b.bytes)
    expect(removed.map(({ folder: of, bytes }) => [of.slice(folder.path.length), bytes])).to.deep.equal([
      [`/bin/napi-v6/${process.platform}/mips`, 5],
      ['/bin/napi-v6/plan9/mips', 13],
    ])
    expect([existsSync(kept), ...removed.map(({ folder }) => existsSync(folder))]).to.deep.equal([true, false, false])
    expect(removeOtherPlatforms(found())).to.deep.equal([])
  })

  it('stays where this platform has nothing', () => {
    const other = folder.write('bin/napi-v6/plan9/mips/onnxruntime_binding.node', 'other')
    expect(() => removeOtherPlatforms(found())).to.throw(/has no libraries for .*nothing was removed/)
    expect(existsSync(other)).to.equal(true)
  })
})
