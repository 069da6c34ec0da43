import { expect } from 'chai'
import { loadAddon } from '../../../src/engine/tensorflow/addon.js'
import type { LocatedTensorflow } from '../../../src/engine/installed.js'
import { elf, otherArchitecture, tempFolderForEach } from './made-files.js'

describe('a TensorFlow library that does not load', () => {
  const folder = tempFolderForEach()
  const sentence = (
    addon: Uint8Array | undefined,
    library: Uint8Array | undefined,
    origin: 'build' | 'package',
  ): string => {
    const located: LocatedTensorflow = {
      origin,
      name: '@tensorflow/tfjs-node',
      version: '4.22.0',
      folder: folder.path,
      addon: addon === undefined ? `${folder.path}/none/tfjs_binding.node` : folder.write('tfjs_binding.node', addon),
      libraries: [
        library === undefined ? `${folder.path}/none/libtensorflow.so.2` : folder.write('libtensorflow.so.2', library),
      ],
      libtensorflow: '2.21.0',
      gpu: false,
    }
    try {
      loadAddon(located)
    } catch (error) {
      const { name, message } = error as Error
      expect(name, message).to.equal('EngineError')
      expect(message).not.to.contain('\n')
      return message
    }
    throw new Error('it loaded')
  }
  const whole = elf(process.arch)
  const says = (what: string): RegExp =>
    new RegExp(`^TensorFlow's library does not load: ${what}; genepool engine build tensorflow makes`)

  it('is named where it is missing', () => {
    expect(sentence(undefined, whole, 'build')).to.match(says('.*/tfjs_binding\\.node is missing'))
    expect(sentence(whole, undefined, 'build')).to.match(says('.*/libtensorflow\\.so\\.2 is missing'))
  })

  it('is not loaded where it is cut short, which would kill the process', () => {
    expect(sentence(whole, elf(process.arch, { end: 900, size: 80 }), 'build')).to.match(
      says('libtensorflow\\.so\\.2 is cut short: 80 bytes instead of 900'),
    )
    expect(sentence(whole, Buffer.from('text'), 'build')).to.match(
      says('libtensorflow\\.so\\.2 is damaged: it has only 4 bytes'),
    )
    expect(sentence(whole, Buffer.alloc(100), 'build')).to.match(says('libtensorflow\\.so\\.2 is not a shared library'))
  })

  it('is not loaded where it is another processor’s', () => {
    expect(sentence(elf(otherArchitecture), whole, 'build')).to.match(
      says(`tfjs_binding\\.node is for Linux on ${otherArchitecture}, this is .*-${process.arch}`),
    )
  })

  it('is explained in the loader’s words where its header is right and the rest is not', () => {
    expect(sentence(whole, whole, 'build')).to.match(says('.*tfjs_binding\\.node.*'))
  })

  it('of an installed package can also be installed again', () => {
    expect(sentence(undefined, whole, 'package')).to.match(
      /makes one that works, or install @tensorflow\/tfjs-node again$/,
    )
  })
})
