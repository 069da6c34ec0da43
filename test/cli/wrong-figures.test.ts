import { expect } from 'chai'
import { runCli } from '../support/cli.js'
import { countsOf } from '../support/read-events.js'
import { workspaceForAll } from '../support/workspace.js'

describe('a figure that cannot be kept as it is', () => {
  const workspace = workspaceForAll()

  for (const [figures, says] of [
    ['{ share: 0 / 0 }', 'its figure share is NaN'],
    ['{ parts: [{ rate: 1 / 0 }] }', 'its figure parts.0.rate is Infinity'],
    ['{ count: 5n }', 'its figure count is a bigint'],
    ['{ work: () => 1 }', 'its figure work is a function'],
    ['{ when: new Date(0) }', 'its figure when is a Date'],
    ['{ values: new Float32Array(2) }', 'its figure values is a Float32Array'],
    ['Object.assign(around, { around })', 'its figure around contains itself'],
    ['5', 'what it gives is no object of figures, but number'],
  ] as const) {
    it(`fails the stage once, by its name: ${figures}`, async () => {
      workspace.write(
        'own.mjs',
        `import * as fs from 'node:fs'
import { pipeline, stage } from 'genepool'
const around = {}
const run = ({ outDir }) => {
  fs.writeFileSync(outDir + '/out', '1')
  return ${figures}
}
export default pipeline('own').add(stage('own', { run }))
`,
      )
      const ran = await runCli(['run', 'own.mjs', '--json'], { cwd: workspace.path })
      expect(countsOf(ran)).to.include({ failed: 1, ran: 0 })
      const failures = ran.events.flatMap((event) => (event.type === 'stage-failed' ? [event] : []))
      expect(failures.map(({ message }) => message)).to.deep.equal([says])
      expect(failures[0]!.hint).to.match(/^figures are finite numbers/)
      expect(ran.events.filter(({ type }) => type === 'stage-started')).to.have.length(1)
    })
  }
})

describe('a stage that writes on the channel of its worker', () => {
  const workspace = workspaceForAll()

  for (const line of ['null', '42', '{"type":"gone"}', '{"type":"done"}', '{"type":"progress","step":"one"}']) {
    it(`fails alone: ${line}`, async () => {
      workspace.write(
        'own.mjs',
        `import * as fs from 'node:fs'
import { pipeline, stage } from 'genepool'
const good = stage('good', { run: ({ outDir }) => fs.writeFileSync(outDir + '/out', '1') })
const loud = stage('loud', {
  run: async ({ outDir }) => {
    fs.writeFileSync(outDir + '/out', '1')
    fs.writeSync(3, ${JSON.stringify(`${line}\n`)})
    await new Promise((resolve) => setTimeout(resolve, 300))
  },
})
export default pipeline('own').add(good, loud)
`,
      )
      const ran = await runCli(['run', 'own.mjs', '--json'], { cwd: workspace.path })
      expect(ran.code, ran.stderr).to.equal(1)
      const counts = countsOf(ran)
      expect([counts.failed, counts.ran + counts.cached]).to.deep.equal([1, 1])
      const [failure] = ran.events.filter((event) => event.type === 'stage-failed')
      expect(failure).to.include({ stage: 'loud' })
      expect((failure as { message: string }).message).to.match(/^its code wrote to descriptor 3, on which the worker/)
    })
  }
})
