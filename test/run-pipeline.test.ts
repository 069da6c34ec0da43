import { writeFileSync } from 'node:fs'
import * as Effect from 'effect/Effect'
import { expect } from 'chai'
import { idx, mnist, pipeline, runPipeline, runPipelinePromise, suite, type RunEvent } from '../src/index.js'
import { wrongData } from './stages/idx-bytes.js'
import { workspaceForAll } from './support/workspace.js'

describe('a pipeline run from code', () => {
  const workspace = workspaceForAll()
  const digits = pipeline('digits').data(mnist({ take: 10, takeTest: 10 }))

  it('runs as a promise what is missing, and tells every event', async () => {
    const events: RunEvent[] = []
    const options = { store: workspace.file('store'), onEvent: (event: RunEvent) => void events.push(event) }
    const result = await runPipelinePromise(digits, options)
    expect(result).to.deep.include({ ran: 1, cached: 0, failed: 0, skipped: 0 })
    expect(result.manifests.get('data')?.summary).to.deep.equal({ train: 10, test: 10, validation: 0 })
    // How long it waits and computes says the machine.
    const told = events.filter(({ type }) => !/^stage-waiting$|-progress$/.test(type))
    expect(told.map(({ type }) => type)).to.deep.equal([
      'run-started',
      'stage-started',
      'stage-finished',
      'run-finished',
    ])
  })

  it('runs as an Effect, from a builder or its node', async () => {
    const run = runPipeline(digits.toNode(), { store: workspace.file('store') })
    expect(await Effect.runPromise(run)).to.deep.include({ ran: 0, cached: 1 })
  })

  it('counts a failed stage instead of raising it', async () => {
    const events: RunEvent[] = []
    const { images, labels } = wrongData()
    writeFileSync(workspace.file('images'), images)
    writeFileSync(workspace.file('rubbish'), labels)
    const [trainImages, trainLabels] = [workspace.file('images'), workspace.file('rubbish')]
    const broken = pipeline('broken').data(
      idx({ trainImages, trainLabels, testImages: trainImages, testLabels: trainLabels }),
    )
    const options = { store: workspace.file('store'), onEvent: (event: RunEvent) => void events.push(event) }
    expect(await runPipelinePromise(broken, options)).to.deep.include({ ran: 0, failed: 1 })
    expect(events.find(({ type }) => type === 'stage-failed'))
      .to.have.property('message')
      .that.includes('rubbish')
  })

  it('may be a suite: every cell with its own artifacts', async () => {
    const made = suite('digits', { take: [10, 11] }, ({ take }) => pipeline('d').data(mnist({ take, takeTest: 10 })))
    const result = await runPipelinePromise(made, { store: workspace.file('store') })
    expect(result).to.deep.include({ ran: 1, cached: 1, failed: 0 })
    expect([...result.manifests.keys()].sort()).to.deep.equal(['data[take=10]', 'data[take=11]'])
    expect(
      result.cells.map(({ name, state, manifests }) => [name, state, manifests.get('data')?.summary['train']]),
    ).to.deep.equal([
      ['take=10,seed=0', 'done', 10],
      ['take=11,seed=0', 'done', 11],
    ])
  })

  it('fails with a UsageError where the definition cannot be run', async () => {
    const store = workspace.write('file', '')
    const errors = await Promise.all([
      Effect.runPromise(Effect.flip(runPipeline(digits, { store }))),
      Effect.runPromise(Effect.flip(runPipeline(digits, { store: workspace.file('store'), only: 'nowhere' }))),
      Effect.runPromise(Effect.flip(runPipeline(digits, { store: workspace.file('store'), jobs: 0 }))),
      Effect.runPromise(Effect.flip(runPipeline(digits, { store: workspace.file('store'), engine: 'magic' as never }))),
      Effect.runPromise(Effect.flip(runPipeline({} as never, { store: workspace.file('store') }))),
    ])
    expect(errors.map((error) => error['_tag'])).to.deep.equal(errors.map(() => 'UsageError'))
  })
})
