import { expect } from 'chai'
import { installCuda } from '../../src/engine/onnx/install-cuda.js'
import { elf, tempFolderForEach } from './tensorflow/made-files.js'

const platform = `${process.platform}/${process.arch}`
const provider = 'libonnxruntime_providers_cuda.so'

const metadata = (places: Readonly<Record<string, readonly string[]>>): string =>
  `module.exports = ${JSON.stringify({
    requirements: places,
    manifests: { [`${platform}:cuda12`]: { [`./${provider}`]: {} } },
  })}`

describe('the installation of ONNX Runtime’s CUDA provider', () => {
  const folder = tempFolderForEach()
  const binaries = `bin/napi-v6/${platform}`
  /** A package whose installer does this. */
  const made = (
    installer: string,
    places: Readonly<Record<string, readonly string[]>> = { [platform]: ['cuda12'] },
  ): void => {
    folder.write('script/install-metadata.js', metadata(places))
    folder.write('script/install.js', installer)
  }
  const sentence = async (): Promise<string> => {
    const error = (await installCuda(new AbortController().signal, () => {}, folder.path).catch(
      (e: unknown) => e,
    )) as Error
    expect(error.name, error.message).to.equal('EngineError')
    expect(error.message).not.to.contain('\n')
    return error.message
  }

  it('asks the package’s own installer for CUDA and reports what it says', async () => {
    const source = folder.write('whole', elf(process.arch))
    made(`
      const fs = require('fs')
      if (process.env.npm_config_onnxruntime_node_install !== undefined) process.exit(1)
      console.log('Downloading ' + process.env.ONNXRUNTIME_NODE_INSTALL)
      fs.mkdirSync('${binaries}', { recursive: true })
      fs.copyFileSync(${JSON.stringify(source)}, '${binaries}/${provider}')`)
    process.env['npm_config_onnxruntime_node_install'] = 'skip'
    const steps: string[] = []
    const first = await installCuda(new AbortController().signal, (step) => steps.push(step), folder.path)
    delete process.env['npm_config_onnxruntime_node_install']
    expect(steps).to.deep.equal(['asking the installer of onnxruntime-node for cuda12', 'Downloading cuda12'])
    expect(first).to.deep.equal({ files: [`${folder.path}/${binaries}/${provider}`], already: false })
    expect(await installCuda(new AbortController().signal, () => {}, folder.path)).to.include({ already: true })
  })

  it('names the server that cannot be reached', async () => {
    made('throw Object.assign(new Error("getaddrinfo ENOTFOUND files.example"), { code: "ENOTFOUND" })')
    expect(await sentence()).to.match(
      /cannot reach files\.example; see that the network is there, or copy .* into .*napi-v6/,
    )
  })

  it('gives the installer’s own reason for anything else', async () => {
    made('throw new Error("no package exists for it")')
    expect(await sentence()).to.match(
      /^the installer of onnxruntime-node failed \(no package exists for it\); try again/,
    )
  })

  it('says what is wrong with what an installer left that ended well', async () => {
    made('')
    expect(await sentence()).to.equal(
      `the installer of onnxruntime-node ended, but ${provider} is missing; run it again`,
    )
    folder.write(`${binaries}/${provider}`, elf(process.arch, { end: 500, size: 70 }))
    expect(await sentence()).to.contain(`${provider} is cut short: 70 bytes instead of 500`)
  })

  it('names the platforms that have it where this one does not', async () => {
    made('', { 'plan9/mips': ['cuda12'], [platform]: [] })
    expect(await sentence()).to.match(/^ONNX Runtime has no CUDA provider for .*, only for plan9-mips; --device webgpu/)
  })

  it('stops the installer when it is interrupted', async () => {
    made('setTimeout(() => {}, 60_000)')
    const controller = new AbortController()
    setTimeout(() => controller.abort(), 300)
    const error = await installCuda(controller.signal, () => {}, folder.path).catch((e: unknown) => e as Error)
    expect((error as Error).name).to.equal('AbortError')
  })
})
