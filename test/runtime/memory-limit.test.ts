import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { expect } from 'chai'
import { explainEnd } from '../../src/runtime/execute/explain-failure.js'
import { exhaustedBy, memoryBounds, smallerBatch } from '../../src/runtime/execute/worker-memory.js'
import { endsWithin } from '../support/child.js'
import { runProbe } from '../support/probe.js'
import { countsOf, eventOf, eventsOf } from '../support/read-events.js'
import { workspaceForEach } from '../support/workspace.js'

const train = { batchSize: 64, accumulate: 1 }

if (existsSync('/proc/self/status')) {
  describe('a worker above its memory limit', () => {
    const workspace = workspaceForEach()

    it('is interrupted, reported with figures and the batch size to try, and not tried again', async () => {
      const stages = { eats: { kind: 'hungry', params: { mebibytes: 500, train } } }
      const run = await runProbe(workspace, stages, { policy: { memory: '400MiB' } })
      const { message, hint } = eventOf(run.events, 'stage-failed', 'eats')
      const [, used] = /its worker used (\d+) MiB, more than the 400 MiB of --memory/.exec(message) ?? []
      expect(Number(used), message).to.be.within(400, 700)
      expect(message).to.match(/^out of memory: .*the next run goes on from its checkpoint/)
      expect(hint).to.match(/raise --memory, or try batchSize: 32, accumulate: 2/)
      expect(eventsOf(run.events, 'stage-retrying')).to.deep.equal([])
    })

    it('is measured with the processes that it has started, which end with it', async () => {
      const params = { mebibytes: 500, apart: true, pidFile: 'child' }
      const run = await runProbe(workspace, { eats: { kind: 'hungry', params } }, { policy: { memory: '400MiB' } })
      expect(eventOf(run.events, 'stage-failed', 'eats').message).to.match(/^out of memory/)
      expect(await endsWithin(Number(readFileSync(workspace.file('child'), 'utf8')), 2_000)).to.be.true
    })

    it('costs no worker that stays below', async () => {
      const stages = { eats: { kind: 'hungry', params: { mebibytes: 50, ms: 500 } } }
      const run = await runProbe(workspace, stages, { policy: { memory: '600MiB' } })
      expect(countsOf(run)).to.include({ ran: 1, failed: 0 })
    })
  })
}

/** As the libraries print them. */
const texts: readonly (readonly [ReturnType<typeof exhaustedBy>, string])[] = [
  ['heap', 'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory'],
  ['heap', 'FATAL ERROR: Ineffective mark-compacts near heap limit Allocation failed - JavaScript heap out of memory'],
  ['heap', 'RangeError: Array buffer allocation failed'],
  ['process', "terminate called after throwing an instance of 'std::bad_alloc'\n  what():  std::bad_alloc"],
  [
    'process',
    "Non-zero status code returned while running MatMul node. Name:'MatMul_12' Status Message: " +
      '/onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:376 void* onnxruntime::BFCArena::AllocateRawInternal(' +
      'size_t, bool, onnxruntime::Stream*, bool, onnxruntime::WaitNotificationFn) ' +
      'Failed to allocate memory for requested buffer of size 7516192768',
  ],
  [
    'process',
    'OOM when allocating tensor with shape[64,197,197,12] and type float ' +
      'on /job:localhost/replica:0/task:0/device:CPU:0 by allocator cpu',
  ],
  ['process', 'Error: spawn ENOMEM'],
  [
    'gpu',
    'OOM when allocating tensor with shape[256,197,3072] and type float ' +
      'on /job:localhost/replica:0/task:0/device:GPU:0 by allocator GPU_0_bfc',
  ],
  [
    'gpu',
    'CUDA failure 2: out of memory ; GPU=0 ; hostname=node7 ; ' +
      'file=/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_allocator.cc ; line=47 ; ' +
      'expr=cudaMalloc((void**)&p, size);',
  ],
  ['gpu', 'failed to allocate 7.41G (7956594688 bytes) from device: CUDA_ERROR_OUT_OF_MEMORY: out of memory'],
  [
    'gpu',
    'CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0 ; hostname=node7 ; expr=cublasCreate(&cublas_handle_);',
  ],
  ['gpu', 'vkAllocateMemory failed with VK_ERROR_OUT_OF_DEVICE_MEMORY'],
  ['gpu-lost', 'vkQueueSubmit failed with VK_ERROR_DEVICE_LOST'],
  ['gpu-lost', 'WebGPU device lost (1): A valid external Instance reference no longer exists.'],
  [undefined, 'TypeError: Cannot read properties of undefined'],
  [undefined, 'the loss became NaN at step 12 (epoch 1, learning rate 0.00400)'],
  [undefined, 'ENOSPC: no space left on device, write'],
]

describe('what a worker has printed', () => {
  for (const [exhausted, text] of texts) {
    const claim = exhausted === undefined ? 'not taken for about memory' : `known to be about ${exhausted}`
    it(`is ${claim}: ${text.slice(0, 60)}`, () => {
      expect(exhaustedBy(text)).to.equal(exhausted)
    })
  }
})

describe('the batch size to try', () => {
  it('is half of it, with twice the batches an update', () => {
    expect(smallerBatch({ train: { batchSize: 64, accumulate: 1 } })).to.equal(
      'try batchSize: 32, accumulate: 2 (an update is then still of 64 images)',
    )
    expect(smallerBatch({ train: { batchSize: 25, accumulate: 4 } })).to.equal(
      'try batchSize: 13, accumulate: 8 (an update is then of about 100 images)',
    )
  })

  it('comes after what is recomputed, where nothing is yet', () => {
    expect(smallerBatch({ train: { batchSize: 8, accumulate: 1, checkpointBlocks: false } })).to.equal(
      'try checkpointBlocks: true, which takes about a third longer, or batchSize: 4, accumulate: 2 (an update is then still of 8 images)',
    )
    expect(smallerBatch({ train: { batchSize: 1, accumulate: 1, checkpointBlocks: false } })).to.match(
      /batchSize is 1 already: try checkpointBlocks: true, .*; else a smaller model/,
    )
    expect(smallerBatch({ train: { batchSize: 1, accumulate: 1, checkpointBlocks: true } })).to.match(
      /: only a smaller/,
    )
  })

  it('is that of the times, in a stage that measures them', () => {
    expect(smallerBatch({ batch: 64, warmup: 2, rounds: 5 })).to.match(/^try batch: 32/)
  })

  it('is honestly none where there is none to make smaller', () => {
    expect(smallerBatch({ train: { batchSize: 1, accumulate: 1 } })).to.match(/batchSize is 1 already/)
    expect(smallerBatch({ split: 'test' })).to.match(/has no batch size/)
  })
})

describe('a killed worker', () => {
  const GiB = 2 ** 30
  const end = (rss: number, kills: number | undefined) => ({
    code: null,
    signal: 'SIGKILL' as const,
    tail: '',
    rssBytes: rss,
    before: { bytes: 8 * GiB, kills: 3 },
    after: { bytes: 8 * GiB, kills },
  })

  it("was the kernel's where its count of such kills has grown", () => {
    const error = explainEnd(end(2 * GiB, 4), { train })
    expect(error).to.include({ _tag: 'StageError' })
    expect(error.message).to.equal(
      'the worker ran out of memory: the kernel ended it; it used 2 GiB of 8 GiB when last seen',
    )
    expect(error.hint).to.match(/batchSize: 32, accumulate: 2.*fewer --jobs/)
  })

  it('was most likely so where it had nearly all of the memory', () => {
    expect(explainEnd(end(7.5 * GiB, undefined), {}).message).to.match(/ran out of memory: .* when hardly any was left/)
  })

  it("was another process's doing otherwise", () => {
    const error = explainEnd(end(2 * GiB, 3), {})
    expect(error).to.include({ _tag: 'WorkerCrash' })
    expect(error.message).to.match(/killed by another process \(SIGKILL\); it used 2 GiB of 8 GiB/)
  })
})

describe('how much memory there is', () => {
  const workspace = workspaceForEach()
  const place = (name: string, text: string): void => {
    mkdirSync(dirname(workspace.file(name)), { recursive: true })
    workspace.write(name, text)
  }

  it('is the least that a control group above it allows, of version 2', () => {
    place('proc/self/cgroup', '0::/user.slice/job\n')
    place('sys/fs/cgroup/user.slice/job/memory.max', 'max\n')
    place('sys/fs/cgroup/user.slice/memory.max', '4294967296\n')
    place('sys/fs/cgroup/user.slice/job/memory.events', 'low 0\nhigh 0\nmax 12\noom 2\noom_kill 2\noom_group_kill 0\n')
    expect(memoryBounds(workspace.path, 8 * 2 ** 30)).to.deep.equal({ bytes: 4 * 2 ** 30, kills: 2 })
  })

  it('or of version 1, of which an unlimited group is larger than the machine', () => {
    place('proc/self/cgroup', '5:devices:/x\n4:memory:/x\n0::/\n')
    place('sys/fs/cgroup/memory/x/memory.limit_in_bytes', '9223372036854771712\n')
    place('sys/fs/cgroup/memory/x/memory.oom_control', 'oom_kill_disable 0\nunder_oom 0\noom_kill 7\n')
    expect(memoryBounds(workspace.path, 8 * 2 ** 30)).to.deep.equal({ bytes: 8 * 2 ** 30, kills: 7 })
  })

  it('is the machine, where there are no control groups', () => {
    place('proc/vmstat', 'nr_free_pages 1\noom_kill 1\n')
    expect(memoryBounds(workspace.path, 2 ** 30)).to.deep.equal({ bytes: 2 ** 30, kills: 1 })
  })
})
