import { expect } from 'chai'
import { workerEnvironment } from '../../src/runtime/execute/worker-memory.js'

describe("a worker's environment", () => {
  const name = 'MALLOC_TRIM_THRESHOLD_'
  const before = process.env[name]
  afterEach(() => {
    if (before === undefined) delete process.env[name]
    else process.env[name] = before
  })

  it('is this process’s own, and what the user has set of memory stays', () => {
    process.env[name] = '1234'
    const environment = workerEnvironment()
    expect(environment[name]).to.equal('1234')
    expect(environment['PATH']).to.equal(process.env['PATH'])
  })

  if (process.platform === 'linux') {
    it('has the C library keep the memory that it frees', () => {
      delete process.env[name]
      expect(workerEnvironment()[name]).to.equal(String(256 * 2 ** 20))
      expect(process.env[name]).to.equal(undefined)
    })
  }
})
