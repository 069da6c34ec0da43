import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect } from 'chai'
import type * as Genepool from '../../src/index.js'
import { Generator } from '../../src/stages/data/random.js'
import { startCli } from '../support/cli.js'
import { blobPath } from '../support/cheap-pipeline.js'
import { checkout, workspaceForEach } from '../support/workspace.js'
import { setFailing, takeExecuted, writeGraph } from './graph-files.js'
import { drawEdit, drawGraph, expectedOf, type Expected, type ModelGraph } from './graph-model.js'

const long = process.env['GENEPOOL_LONG'] === '1'
const graphs = long ? 500 : 12
const builds = long ? 6 : 2

const { runPipelinePromise } = (await import(pathToFileURL(join(checkout, 'dist', 'index.js')).href)) as typeof Genepool

/** As Shake is tested: random graphs, parallelism, edits, failures, kills; each build is compared with a pure model. */
describe('Random graphs under random edits', () => {
  const workspace = workspaceForEach()
  let imports = 0

  const load = async (): Promise<Genepool.PipelineNode> => {
    const url = `${pathToFileURL(workspace.file('random.mjs')).href}?${++imports}`
    return Reflect.get((await import(url)) as object, 'default') as Genepool.PipelineNode
  }

  /** Starts a build and kills all of its processes at some moment; what it had stored by then is what it had stored. */
  const killed = async (random: Generator): Promise<void> => {
    const args = ['run', 'random.mjs', '--json', '--jobs', String(1 + random.integer(3))]
    const running = startCli(args, { cwd: workspace.path })
    let left = random.integer(4)
    await running
      .waitFor((event) => (event.type === 'stage-started' || event.type === 'stage-finished') && left-- === 0)
      .catch(() => undefined)
    try {
      running.signalGroup('SIGKILL')
    } catch {
      // It had ended by itself.
    }
    await running.done
  }

  const check = async (graph: ModelGraph, expected: Expected, jobs: number, wasKilled: boolean): Promise<void> => {
    const result = await runPipelinePromise(await load(), {
      store: workspace.file('.genepool'),
      baseDir: workspace.path,
      jobs,
    })
    const executed = takeExecuted(workspace)
    // Nothing ran without need, and what was needed ran; after a kill some of it had been stored.
    const surplus = executed.filter((key) => !expected.executed.has(key))
    expect(surplus, 'executed without need').to.deep.equal([])
    const succeeded = executed.filter((key) => !expected.failing.has(key))
    expect(succeeded, 'executed twice').to.have.length(new Set(succeeded).size)
    if (!wasKilled) expect([...new Set(executed)].sort()).to.deep.equal([...expected.executed].sort())
    expect([...result.manifests.keys()].sort()).to.deep.equal([...expected.values.keys()].sort())
    for (const [stage, value] of expected.values) {
      const { sha256 } = result.manifests.get(stage)!.files['value']!
      expect(readFileSync(blobPath(workspace, sha256), 'utf8'), stage).to.equal(String(value))
    }
    expect(result.failed > 0).to.equal(expected.failing.size > 0)
    expect(graph.stages).to.have.length(result.ran + result.cached + result.failed + result.skipped)
  }

  for (let seed = 1; seed <= graphs; seed++) {
    it(`graph ${seed}: every output equals the model's, and nothing ran without need`, async () => {
      const random = Generator.from(seed, 'random graph')
      const computed = new Set<string>()
      let graph = drawGraph(random)
      const history = [graph]
      let failing: readonly string[] = []
      for (let build = 0; build < builds; build++) {
        writeGraph(workspace, graph)
        const expected = expectedOf(graph, computed)
        setFailing(workspace, [...expected.failing], failing)
        failing = [...expected.failing]
        const kill = random.integer(6) === 0
        if (kill) {
          await killed(random)
          takeExecuted(workspace)
        }
        await check(graph, expected, 1 + random.integer(4), kill)
        const back = random.integer(4) === 0
        if (back) graph = history[random.integer(history.length)]
        else for (let edits = 1 + random.integer(3); edits > 0; edits--) graph = drawEdit(random, graph)
        history.push(graph)
      }
    })
  }
})
