import { expect } from 'chai'
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { Header } from 'tar'
import { buildTensorflow } from '../../../src/engine/tensorflow/build/build.js'
import { elf, otherArchitecture, tempFolderForEach, wheel } from './made-files.js'

const main = process.platform === 'darwin' ? 'libtensorflow_cc.2.dylib' : 'libtensorflow_cc.so.2'
const header = 'include/tensorflow/c/eager/c_api.h'

const compiler = '#!/bin/sh\nif [ "$1" = --version ]; then echo made-up 1.0; exit 0; fi\n'

describe('what the build of the engine tensorflow says', () => {
  const folder = tempFolderForEach()
  const program = (name: string, text: string): string => {
    const file = folder.write(name, text)
    chmodSync(file, 0o755)
    return file
  }
  let environment: NodeJS.ProcessEnv
  beforeEach(() => {
    environment = { ...process.env }
    // Whether this machine has one makes no difference to what is said of the library.
    process.env['CXX'] = program('compiler', compiler)
  })
  afterEach(() => {
    for (const name of ['CXX', 'PATH']) process.env[name] = environment[name]
    if (environment['CXX'] === undefined) delete process.env['CXX']
  })

  const failure = async (
    from: string | undefined,
    more: { gpu?: boolean; signal?: AbortSignal } = {},
  ): Promise<Error> => {
    const options = { from, gpu: false, signal: new AbortController().signal, ...more }
    const error = await buildTensorflow(options, () => {}).then(
      () => new Error('it was built'),
      (reason: unknown) => reason as Error,
    )
    const left = join(folder.path, 'cache', 'tensorflow')
    expect(existsSync(left) ? readdirSync(left) : [], 'what is left in the cache folder').to.deep.equal([])
    return error
  }
  const sentence = async (...args: Parameters<typeof failure>): Promise<string> => {
    const { name, message } = await failure(...args)
    expect(name, message).to.equal('EngineError')
    expect(message).not.to.contain('\n')
    return message
  }

  it('names a file that is not there, and one that is none of the things it takes', async () => {
    expect(await sentence(join(folder.path, 'none.whl'))).to.match(/^there is no file or folder .*none\.whl$/)
    expect(await sentence(folder.write('a.txt', 'text'))).to.match(/a\.txt is neither a wheel .* nor a folder$/)
  })

  it('says that a wheel which is no archive, or is cut short, has to be downloaded again', async () => {
    const again = /is not a whole wheel: its table of contents is missing; download it again$/
    expect(await sentence(folder.write('a.whl', 'text'))).to.match(again)
    const whole = wheel({ [`tensorflow/${main}`]: elf(process.arch), 'tensorflow/x': 'y'.repeat(100) })
    expect(await sentence(folder.write('b.whl', whole.subarray(0, whole.length - 30)))).to.match(again)
  })

  it('finds damage inside a wheel', async () => {
    const whole = wheel({ [`tensorflow/${main}`]: Buffer.from(Array.from({ length: 500 }, (_, at) => at % 251)) })
    whole[120] ^= 0xff
    expect(await sentence(folder.write('a.whl', whole))).to.match(
      /a\.whl is damaged: .* cannot be unpacked; download it again$/,
    )
  })

  it('names the platform that a wheel is for', async () => {
    const other = folder.write(
      'tensorflow-2.21.0-cp312-cp312-win_amd64.whl',
      wheel({ 'tensorflow/tensorflow.dll': 'x' }),
    )
    expect(await sentence(other)).to.match(/it is for win_amd64, or no TensorFlow; a wheel of tensorflow .* is needed$/)
  })

  it('names both processors where the library is for another one', async () => {
    const library = elf(otherArchitecture)
    const made = { [`tensorflow/${main}`]: library, [`tensorflow/${header}`]: '' }
    expect(await sentence(folder.write('a.whl', wheel(made)))).to.match(
      new RegExp(
        `^a\\.whl does not fit: ${main} is for Linux on ${otherArchitecture}, this is ${process.platform}-${process.arch}$`,
      ),
    )
  })

  it('reads an archive as it reads a folder, and says when that is damaged', async () => {
    const library = main.replace('_cc', '')
    folder.write(`tree/lib/${library}`, elf(otherArchitecture))
    folder.write(`tree/${header}`, '')
    const archive = join(folder.path, 'libtensorflow.tar.gz')
    execFileSync('tar', ['-czf', archive, '-C', join(folder.path, 'tree'), '.'])
    expect(await sentence(archive)).to.contain(`${library} is for Linux on ${otherArchitecture}`)
    writeFileSync(archive, readFileSync(archive).subarray(0, 40))
    expect(await sentence(archive)).to.match(/libtensorflow\.tar\.gz cannot be unpacked \(.+\); download it again$/)
  })

  for (const way of [`${'../'.repeat(9)}outside.h`, '..\\..\\outside.h']) {
    it(`refuses a wheel with an entry that leads out of its folder by ${way}, and names it`, async () => {
      const entry = `tensorflow/include/tensorflow/c/${way}`
      const made = { [`tensorflow/${main}`]: elf(process.arch), [entry]: 'x' }
      expect(await sentence(folder.write('a.whl', wheel(made)))).to.equal(
        `a.whl is not unpacked: ${entry} in it leads out of its folder; do not use it`,
      )
      expect(existsSync(join(folder.path, 'outside.h'))).to.equal(false)
    })
  }

  for (const [what, path, to] of [
    ['a file below ..', '../outside', undefined],
    ['a file at an absolute path', '/outside', undefined],
    ['a file on a drive', 'C:\\outside', undefined],
    ['a link to what lies above', 'link', '../outside'],
    ['a link to an absolute path', 'link', '/outside'],
  ] as const) {
    it(`refuses an archive with ${what}, and names it`, async () => {
      const header = Buffer.alloc(512)
      const linkpath = to === undefined ? {} : { linkpath: to }
      new Header({ path, type: to === undefined ? 'File' : 'SymbolicLink', size: 0, mode: 0o644, ...linkpath }).encode(
        header,
      )
      const archive = folder.write('a.tar.gz', gzipSync(Buffer.concat([header, Buffer.alloc(1024)])))
      expect(await sentence(archive)).to.equal(
        `a.tar.gz is not unpacked: ${path} in it leads out of its folder; do not use it`,
      )
    })
  }

  it('says how much of a library is missing', async () => {
    folder.write(`lib/${main.replace('_cc', '')}`, elf(process.arch, { end: 5_000, size: 100 }))
    folder.write(header, '')
    expect(await sentence(folder.path)).to.match(/is cut short: 100 bytes instead of 5000$/)
  })

  it('asks for headers where a folder has the library alone', async () => {
    folder.write(main, elf(process.arch))
    expect(await sentence(folder.path)).to.match(
      /has libtensorflow_cc.* but not its headers .*; name a folder with both$/,
    )
  })

  it('says what to install where there is no compiler', async () => {
    delete process.env['CXX']
    process.env['PATH'] = folder.path
    expect(await sentence(undefined)).to.match(/^no C\+\+ compiler was found \(c\+\+, g\+\+, clang\+\+\); install one/)
    process.env['CXX'] = 'no-such-compiler'
    expect(await sentence(undefined)).to.contain('(no-such-compiler)')
  })

  it('says what to install where there is no Python to ask', async () => {
    process.env['PATH'] = folder.path
    expect(await sentence(undefined)).to.match(/^neither python3 nor python was found, .* name it with --from$/)
  })

  it('refuses a library without GPU code where that was asked for', async () => {
    const made = {
      [`tensorflow/${main}`]: elf(process.arch),
      [`tensorflow/${header}`]: '',
      'tensorflow/python/platform/build_info.py': "build_info = dict([('is_cuda_build', False)])",
    }
    expect(await sentence(folder.write('a.whl', wheel(made)), { gpu: true })).to.equal(
      'a.whl has no code for NVIDIA GPUs',
    )
  })

  it('leaves nothing when it is interrupted', async () => {
    const controller = new AbortController()
    program('python3', '#!/bin/sh\nexec sleep 60\n')
    process.env['PATH'] = `${folder.path}:${environment['PATH']}`
    const began = performance.now()
    setTimeout(() => controller.abort(), 200)
    expect((await failure(undefined, { signal: controller.signal })).name).to.equal('AbortError')
    expect(performance.now() - began).to.be.below(5_000)
  })

  it('removes what a build that was killed has left', async () => {
    folder.write('cache/tensorflow/.building-2147483646-abc/work/download/half.whl', 'half')
    await sentence(folder.write('a.txt', ''))
  })
})
