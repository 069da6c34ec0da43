// Publishes the artifacts of a definition whose stages leave their parameters as text, without a worker each.
// Arguments: the definition's file, the store.
import * as fs from 'node:fs'
import * as path from 'node:path'
import * as NodeRuntime from '@effect/platform-node-shared/NodeRuntime'
import * as Effect from 'effect/Effect'
import { loadTarget } from '../../dist/cli/input/target.js'
import { genepoolLayer } from '../../dist/compose.js'
import { fingerprintOf } from '../../dist/runtime/fingerprint.js'
import { prepare } from '../../dist/runtime/plan/prepare.js'
import { Engines } from '../../dist/runtime/services.js'
import { Store } from '../../dist/runtime/store/store.js'

const [file, directory] = process.argv.slice(2)
const made = { at: new Date(0).toISOString(), ms: 1, node: '', platform: '', threads: 1, run: 'filled' }

const fill = Effect.gen(function* () {
  const store = yield* Store
  yield* store.make
  const target = yield* loadTarget(file)
  const engine = yield* (yield* Engines).resolve({ engine: 'cpu', device: 'cpu', toCompute: false })
  const { stages } = yield* prepare(target.graph, { engine, baseDir: target.baseDir, file: target.file })
  const contents = new Map()
  const outDir = path.resolve('filling')
  for (const { node, identify } of stages) {
    const inputs = Object.fromEntries(Object.entries(node.inputs).map(([name, from]) => [name, contents.get(from)]))
    const identity = identify(inputs)
    fs.mkdirSync(outDir, { recursive: true })
    fs.writeFileSync(path.join(outDir, 'value.txt'), JSON.stringify(node.params))
    const draft = { fingerprint: fingerprintOf(identity), stage: node.name, summary: {}, identity, made }
    contents.set(node, (yield* store.publish(draft, outDir)).content)
  }
})

NodeRuntime.runMain(fill.pipe(Effect.provide(genepoolLayer(directory))))
