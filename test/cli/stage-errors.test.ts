import { expect } from 'chai'
import type { Place } from '../../src/dsl/place.js'
import type { ThrownError } from '../../src/runtime/errors.js'
import type { StageOutcome } from '../../src/runtime/records/run-outcome.js'
import type { Finished } from '../support/child.js'
import { runCli } from '../support/cli.js'
import { eventOf, eventsOf } from '../support/read-events.js'
import { workspaceForAll } from '../support/workspace.js'

/** Types take lines that compiled code has not. */
const notes = `interface Notes {
  readonly text: string
}

const parse = (text: string): Notes => {
  throw new TypeError('no JSON', { cause: text })
}

export const readNotes = async (text: string): Promise<Notes> => {
  await Promise.resolve()
  try {
    return parse(text)
  } catch (cause) {
    throw new Error('the notes cannot be read', { cause })
  }
}
`

/** Stages, each of which goes wrong in its own way. */
const stages = `
const wrapped = stage('wrapped', { run: async () => void (await readNotes('half a file')) })
const gathered = stage('gathered', {
  run: () => Promise.any([Promise.reject(new Error('first')), Promise.reject(new RangeError('second'))]).then(() => {}),
})
const ring = stage('ring', {
  run: () => {
    const error: Error & { cause?: unknown } = new Error('round')
    error.cause = error
    throw error
  },
})
const ofNode = stage('ofNode', { run: async ({ outDir }) => void (await readFile(join(outDir, 'none'))) })
const text = stage('text', { run: () => { throw 'no ink' } })
const thing = stage('thing', { run: () => { throw Object.create(null, { ink: { value: 0, enumerable: true } }) } })
const nothing = stage('nothing', { run: () => Promise.reject(null) })
const blank = stage('blank', { run: () => { throw Object.assign(new TypeError(''), { ink: 0 }) } })
const packed = stage('packed', { run: () => wrap(() => { throw new Error('inside') }) })
const late = stage('late', {
  run: () => new Promise<void>(() => setTimeout(() => { throw new Error('too late', { cause: 'sleep' }) }, 1)),
})
const unhandled = stage('unhandled', {
  run: () => new Promise<void>(() => void Promise.reject({ ink: 0 })),
})
`
const names = [...stages.matchAll(/^const (\w+)/gm)].map(([, name]) => name!)

const imports = `import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline, stage } from 'genepool'
import { wrap } from 'wrapping'
import { readNotes } from './notes.js'
`

const definition = `${imports}${stages}
export default pipeline('wrong')${names.map((name) => `.add(${name})`).join('')}
`

describe("a stage of the user's own that goes wrong", () => {
  const workspace = workspaceForAll()
  let run: Finished
  const cli = (...args: readonly string[]): Promise<Finished> => runCli(args, { cwd: workspace.path })
  const failure = (stage: string) => eventOf(run.events, 'stage-failed', stage)

  /** Where the words stand in the file. */
  const placeOf = (file: string, text: string, words: string): Place => {
    const before = text.slice(0, text.indexOf(words)).split('\n')
    return { file: workspace.file(file), line: before.length, column: before.at(-1)!.length + 1 }
  }
  const inDefinition = (words: string): Place => placeOf('wrong.ts', definition, words)
  const inNotes = (words: string): Place => placeOf('notes.ts', notes, words)

  before(async () => {
    workspace.write('node_modules/wrapping/package.json', '{ "type": "module", "exports": "./index.js" }')
    workspace.write(
      'node_modules/wrapping/index.js',
      `const wrapped = (cause) => new Error('wrapped in a package', { cause })
export const wrap = (run) =>
  new Promise((_, reject) => {
    try {
      run()
    } catch (cause) {
      setTimeout(() => reject(wrapped(cause)), 1)
    }
  })
`,
    )
    workspace.write('notes.ts', notes)
    workspace.write('wrong.ts', definition)
    run = await cli('run', 'wrong.ts', '--json', '--retries', '0')
  })

  it('says what it says, where it was thrown, and what caused it, in turn', () => {
    expect(run.code).to.equal(1)
    const { message, place, causes = [], stack } = failure('wrapped')
    expect({ message, place }).to.deep.equal({
      message: 'the notes cannot be read',
      place: inNotes("new Error('the notes"),
    })
    const [{ stack: inner, ...cause }] = causes as [ThrownError]
    expect(cause).to.deep.equal({
      message: 'no JSON',
      place: inNotes('new TypeError'),
      causes: [{ message: 'half a file' }],
    })
    for (const frames of [stack, inner]) {
      expect(frames).to.match(/^\w*Error: [^]*notes\.ts[^]*wrong\.ts:\d+:\d+\)?$/)
      expect(frames).not.to.match(/worker|user-stage-function/)
    }
  })

  it('names every error that one gathers, and each once where they lead in a circle', () => {
    const { message, causes = [] } = failure('gathered')
    expect(message).to.equal('All promises were rejected')
    expect(causes.map(({ stack: _, ...cause }) => cause)).to.deep.equal([
      { message: 'first', place: inDefinition("new Error('first')") },
      { message: 'second', place: inDefinition("new RangeError('second')") },
    ])
    expect(failure('ring')).to.deep.include({ message: 'round', place: inDefinition("new Error('round')") })
    expect(failure('ring').causes).to.equal(undefined)
  })

  it("has the place of its own call where Node's code threw", () => {
    expect(failure('ofNode').message).to.match(/^ENOENT/)
    expect(failure('ofNode').place).to.include({ file: workspace.file('wrong.ts') })
    expect(failure('ofNode').place?.line).to.equal(inDefinition('await readFile').line)
  })

  it('has the place of its cause where a package, called by a timer, has made another error of it', () => {
    const { message, place, causes = [] } = failure('packed')
    expect(message).to.equal('wrapped in a package')
    expect(place).to.deep.equal(inDefinition("new Error('inside')"))
    expect(causes.map((cause) => cause.message)).to.deep.equal(['inside'])
  })

  it('has a sentence whatever was thrown, and says why no place is known where none is', () => {
    const said = Object.fromEntries(
      ['text', 'thing', 'nothing', 'blank'].map((stage) => [stage, failure(stage).message]),
    )
    expect(said).to.deep.equal({
      text: 'no ink',
      thing: 'threw [Object: null prototype] { ink: 0 }, which is no Error',
      nothing: 'threw null, which is no Error',
      blank: 'threw a TypeError without a message, with { ink: 0 }',
    })
    for (const stage of ['text', 'thing', 'nothing']) {
      const { place, stack, hint } = failure(stage)
      expect([place, stack], stage).to.deep.equal([undefined, undefined])
      expect(hint).to.match(/throw new Error/)
    }
    expect(failure('blank').place).to.deep.equal(inDefinition("new TypeError('')"))
  })

  it('has all of that also where it was thrown in a callback, or a promise that nobody waits for', () => {
    const { message, place, causes } = failure('late')
    expect(message).to.match(/exit code 1\): Error: too late/)
    expect({ place, causes }).to.deep.equal({
      place: inDefinition("new Error('too late'"),
      causes: [{ message: 'sleep' }],
    })
    expect(failure('unhandled').message).to.match(/exit code 1\): threw \{ ink: 0 \}, which is no Error/)
  })

  it('is recorded with it, and shown with the run', async () => {
    const { run: id } = eventsOf(run.events, 'run-started')[0]
    const { stages } = JSON.parse((await cli('show', id, '--json')).stdout) as { stages: readonly StageOutcome[] }
    const { place, causes } = stages.find(({ stage }) => stage === 'wrapped')!
    expect(place).to.deep.equal(inNotes("new Error('the notes"))
    expect(causes.map(({ message }) => message)).to.deep.equal(['no JSON'])
    const { stdout } = await cli('show', id)
    expect(stdout).to.match(/^wrapped: caused by no JSON \(notes\.ts:6:9\)$/m)
    expect(stdout).to.match(/^wrapped: {3}caused by half a file$/m)
    expect(stdout).to.match(/^wrapped: at notes\.ts:14:11$/m)
  })

  it("is told so to people, also where TypeScript's loader takes the definition; its frames with --verbose", async () => {
    workspace.write(
      'waiting.ts',
      `${imports}await Promise.resolve()\n${stages}export default pipeline('waiting').add(wrapped)\n`,
    )
    const { stdout } = await cli('run', 'waiting.ts', '--verbose')
    expect(stdout).to.include(`✗ wrapped  the notes cannot be read
    caused by no JSON (notes.ts:6:9)
      caused by half a file
    at notes.ts:14:11
Error: the notes cannot be read
    at `)
    expect(stdout).to.match(/^TypeError: no JSON\n {4}at parse .*:6:9\)$/m)
    expect(stdout).not.to.match(/user-stage-function/)
  })
})
