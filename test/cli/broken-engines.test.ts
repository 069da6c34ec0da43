import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import type { Examination } from '../../src/doctor/examine.js'
import { breakInstallation, realBinaries, type BrokenInstallation } from '../support/broken-installation.js'
import { pause } from '../support/child.js'
import { eventsOf } from '../support/read-events.js'

interface Breakage {
  readonly what: string
  readonly apply: (installation: BrokenInstallation) => void
  /** What is said of ONNX Runtime on the CPU. */
  readonly says: RegExp
  readonly hint: RegExp
}

const addon = 'onnxruntime_binding.node'
const library = process.platform === 'linux' ? 'libonnxruntime.so.1' : 'libonnxruntime.1.dylib'
const otherAddon = join(dirname(realBinaries), process.arch === 'x64' ? 'arm64' : 'x64', addon)

/** Removed first: the file may be another name of the real one. */
const replace = (file: string, bytes: string | Uint8Array): void => {
  rmSync(file, { force: true })
  writeFileSync(file, bytes)
}

const half = (name: string): Uint8Array => {
  const bytes = readFileSync(join(realBinaries, name))
  return bytes.subarray(0, bytes.length >> 1)
}

/** In place of the package's JavaScript, which loads the addon at once. */
const whileLoading = (code: string) => (installation: BrokenInstallation) =>
  replace(join(installation.path, 'node_modules', 'onnxruntime-node', 'dist', 'index.js'), code)

const reinstall = /remove the folder node_modules\/onnxruntime-node and run npm install/

const linuxBreakages: readonly Breakage[] = [
  {
    what: 'whose library is missing',
    apply: ({ binaries }) => rmSync(join(binaries, library)),
    says: /^the library libonnxruntime\.so\.1 is missing$/,
    hint: reinstall,
  },
  {
    what: 'whose library is cut off',
    apply: ({ binaries }) => replace(join(binaries, library), half(library)),
    says: /^libonnxruntime\.so\.1 is damaged or was made for another kind of processor$|^it crashed while it was tried/,
    hint: reinstall,
  },
  {
    what: 'whose library is empty',
    apply: ({ binaries }) => replace(join(binaries, library), ''),
    says: /^libonnxruntime\.so\.1 is damaged or was made for another kind of processor$/,
    hint: reinstall,
  },
]

const breakages: readonly Breakage[] = [
  {
    what: 'that is not installed',
    apply: ({ path }) => rmSync(join(path, 'node_modules', 'onnxruntime-node'), { recursive: true }),
    says: /^onnxruntime-node is not installed$/,
    hint: /^npm install onnxruntime-node$/,
  },
  {
    what: 'without a binary for this platform',
    apply: ({ binaries }) => rmSync(binaries, { recursive: true }),
    says: /^onnxruntime-node has no binary for \S+$/,
    hint: /the engine tensorflow or cpu/,
  },
  ...(process.platform === 'linux' ? linuxBreakages : []),
  ...(existsSync(otherAddon)
    ? [
        {
          what: 'whose addon was made for another processor',
          apply: ({ binaries }: BrokenInstallation) => {
            rmSync(join(binaries, addon))
            copyFileSync(otherAddon, join(binaries, addon))
          },
          says: /^onnxruntime_binding\.node is damaged or was made for another kind of processor$/,
          hint: reinstall,
        },
      ]
    : []),
  {
    what: 'that crashes while it is loaded',
    apply: whileLoading("require('fs').writeSync(2, 'noise\\n'); process.kill(process.pid, 'SIGSEGV'); for (;;);"),
    says: /^it crashed while it was tried \(SIGSEGV\)$/,
    hint: reinstall,
  },
  {
    what: 'that hangs while it is loaded',
    apply: whileLoading('Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)'),
    says: /^it gave no sign of life for too long$/,
    hint: /GENEPOOL_PATIENCE/,
  },
]

const noTrace = (text: string): void => {
  expect(text).not.to.match(/^\s+at /m)
}

const examinationsOf = (stdout: string): readonly Examination[] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Examination)

for (const { what, apply, says, hint } of breakages) {
  // The wait for what hangs is shortened; what merely starts slowly beside other tests must not be taken for that.
  const patience = says.test('it gave no sign of life for too long') ? { env: { GENEPOOL_PATIENCE: '4' } } : {}

  describe(`an ONNX Runtime ${what}`, () => {
    let installation: BrokenInstallation

    before(() => {
      installation = breakInstallation()
      apply(installation)
    })
    after(() => installation.remove())

    it('is what the doctor says, on every device, with exit code 1 and no trace', async () => {
      const { code, stdout, stderr } = await installation.run('doctor --engine onnxruntime --json', patience)
      expect(stderr).to.equal('')
      const examinations = examinationsOf(stdout)
      expect(examinations.map(({ device }) => device)).to.deep.equal(['cuda', 'webgpu', 'cpu'])
      for (const { loads, problem } of examinations) {
        expect(loads).to.equal(false)
        expect(problem).not.to.equal('')
      }
      const onCpu = examinations.find(({ device }) => device === 'cpu')
      expect(onCpu?.problem).to.match(says)
      expect(onCpu?.hint).to.match(hint)
      expect(code).to.equal(1)
    })

    it('ends a run that names it before any stage: one sentence, what to do, exit code 2', async () => {
      const { code, stdout, stderr } = await installation.run(
        'run one-image.ts --engine onnxruntime --device cpu',
        patience,
      )
      const [sentence, advice, ...rest] = stderr.trim().split('\n')
      const start = /^genepool: the engine onnxruntime does not load on cpu: /
      expect(sentence).to.match(start)
      expect(sentence.replace(start, '')).to.match(says)
      expect(advice?.trim()).to.match(hint)
      expect(rest).to.deep.equal([])
      expect(stdout).to.equal('')
      expect(code).to.equal(2)
    })

    it('leaves auto with the next engine, and says why', async () => {
      const { code, events, stderr } = await installation.run('run one-image.ts --json', patience)
      noTrace(stderr)
      const [started] = eventsOf(events, 'run-started')
      expect(started?.engine).to.include({ engine: 'cpu', device: 'cpu' })
      expect(
        started?.engine.why
          .replace('the fastest that loads: ', '')
          .split('; ')
          .some((part) => says.test(part)),
      ).to.be.true
      expect(code).to.equal(0)
    })
  })
}

describe('what a library prints', () => {
  let installation: BrokenInstallation

  before(() => {
    installation = breakInstallation()
    whileLoading("require('fs').writeSync(2, 'line of noise\\n'); process.exit(3)")(installation)
  })
  after(() => installation.remove())

  it('is for those who ask for it', async () => {
    for (const call of [
      'run one-image.ts --engine onnxruntime --device cpu',
      'doctor --engine onnxruntime --device cpu',
    ]) {
      const quiet = await installation.run(call)
      expect(quiet.stdout + quiet.stderr, call).not.to.include('noise')
      expect(quiet.stdout + quiet.stderr, call).to.include('it crashed while it was tried (exit code 3)')
      expect((await installation.run(`${call} --verbose`)).stderr, call).to.match(/^line of noise$/m)
    }
  })
})

describe('a library that hangs', () => {
  let installation: BrokenInstallation

  before(() => {
    installation = breakInstallation()
    whileLoading('Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)')(installation)
  })
  after(() => installation.remove())

  /** Whether no process of the group runs any more; one that only waits to be buried does not. */
  const groupIsGone = (pid: number): boolean => {
    try {
      process.kill(-pid, 0)
    } catch {
      return true
    }
    if (process.platform !== 'linux') return false
    return !readdirSync('/proc').some((name) => {
      const stat =
        /^\d+$/.test(name) && existsSync(`/proc/${name}/stat`) ? readFileSync(`/proc/${name}/stat`, 'utf8') : ''
      // After the program's name in brackets: state, parent, group.
      const [state, , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return group === String(pid) && state !== 'Z' && state !== 'X'
    })
  }
  const goneWithin = async (pid: number, ms: number): Promise<boolean> => {
    for (const start = performance.now(); performance.now() - start < ms; await pause(50)) {
      if (groupIsGone(pid)) return true
    }
    return groupIsGone(pid)
  }

  it('does not hold Ctrl-C up', async () => {
    for (const call of ['doctor', 'run one-image.ts --engine onnxruntime']) {
      const running = installation.start(call)
      await pause(3_000)
      const began = performance.now()
      running.signalGroup('SIGINT')
      const { code, stderr } = await running.done
      expect(performance.now() - began, call).to.be.below(1_500)
      expect(code, call).to.equal(130)
      expect(stderr, call).to.equal('')
      expect(await goneWithin(running.pid, 1_000), call).to.be.true
    }
  })

  it('does not outlive a killed run', async () => {
    const running = installation.start('run one-image.ts --engine onnxruntime')
    await pause(3_000)
    running.signal('SIGKILL')
    expect(await goneWithin(running.pid, 2_000)).to.be.true
  })
})

/** Whether a library could be made of this C code. */
const compiled = (file: string, code: string, ...flags: readonly string[]): boolean => {
  const { status } = spawnSync('cc', ['-shared', '-fPIC', '-x', 'c', '-', '-o', file, ...flags], { input: code })
  return status === 0
}

const hasCompiler =
  process.platform === 'linux' && process.arch === 'x64' && spawnSync('cc', ['--version']).status === 0

if (!hasCompiler) console.log("      no C compiler, or not linux-x64: CUDA's provider without a driver is not tried")
else {
  describe("CUDA's provider without NVIDIA's driver", () => {
    let installation: BrokenInstallation

    before(() => {
      installation = breakInstallation()
      const { path, binaries } = installation
      // A provider as the real one is linked: to the driver's library, which is then not there.
      const driver = join(path, 'libcuda.so')
      expect(compiled(driver, 'int cuInit(void) { return 0; }', '-Wl,-soname,libcuda.so.1')).to.be.true
      const provider = 'int cuInit(void); int probe(void) { return cuInit(); }'
      const linked = ['-Wl,--no-as-needed', `-L${path}`, '-lcuda']
      expect(compiled(join(binaries, 'libonnxruntime_providers_cuda.so'), provider, ...linked)).to.be.true
      const shared = 'void Provider_SetHost(void* host) {} void* Provider_GetHost(void) { return 0; }'
      expect(compiled(join(binaries, 'libonnxruntime_providers_shared.so'), shared)).to.be.true
      rmSync(driver)
    })
    after(() => installation.remove())

    it('is said to lack the driver, and leaves the CPU as it was', async () => {
      const { code, stdout, stderr } = await installation.run('doctor --engine onnxruntime --device cuda --json')
      expect(stderr).to.equal('')
      const [onCuda] = examinationsOf(stdout)
      expect(onCuda).to.include({ loads: false })
      expect(onCuda?.problem).to.match(/libcuda\.so\.1 is missing/)
      expect(onCuda?.hint).to.match(/install NVIDIA's driver/)
      expect(code).to.equal(1)
      const run = await installation.run('run one-image.ts --json')
      expect(eventsOf(run.events, 'run-started')[0]?.engine).to.include({ engine: 'onnxruntime', device: 'cpu' })
      const named = await installation.run('run one-image.ts --device cuda')
      expect(named.code).to.equal(2)
      expect(named.stderr).to.match(/^genepool: no engine loads on cuda.*libcuda\.so\.1 is missing/)
    })
  })
}
