// Reads each folder in `weights` as pretrained weights, and the folder `pictures` as the stage `data` does. A JSON line
// each: what it was refused with, and the processor's milliseconds; then the most memory in use at a time. All in a
// process of its own, because that is its own.
// Argument: the folder of both.
import * as fs from 'node:fs'
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import { imageFolder } from '../../dist/dsl/data.js'
import { data } from '../../dist/stages/data.js'
import { dataSources } from '../../dist/stages/sources.js'
import { readWeights } from '../../dist/stages/weights/read-weights.js'
import { weightFiles } from '../../dist/stages/weights/weight-files.js'

const [root] = process.argv.slice(2)

const refusal = async (name, read) => {
  const before = process.cpuUsage()
  let message
  try {
    await read()
  } catch (cause) {
    message = cause.message
  }
  const { user, system } = process.cpuUsage(before)
  console.log(
    JSON.stringify({ name, message, ms: (user + system) / 1_000, peak: process.resourceUsage().maxRSS / 1024 }),
  )
}

for (const name of fs.readdirSync(path.join(root, 'weights'))) {
  await refusal(name, () => readWeights(weightFiles(path.join(root, 'weights', name))))
}

const { params } = imageFolder('pictures', { split: 0.5 }, { numClasses: 1, imageSize: 24 })
const outDir = path.join(root, 'out')
fs.mkdirSync(outDir)
const context = { params, sources: dataSources(params, root), outDir, inputs: {}, progress: () => {} }
await refusal('pictures', () => Effect.runPromise(data(context)))
console.log(JSON.stringify({ peak: process.resourceUsage().maxRSS * 1_024 }))
