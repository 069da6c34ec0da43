// Loads programs by Node's own loader and that of TypeScript: the argument is a file with a list of folders. Prints
// what the function `stage` of each gives, in the same order, as a list of texts; of definitions, writes down what they
// read as a worker does, in the file that is named for them.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { tracer } from '../../src/runtime/execute/tracer.js'

/** Some errors of CommonJS are thrown where nothing waits for them. */
let onThrown = () => {}
process.on('uncaughtException', (error) => onThrown(error))
process.on('unhandledRejection', () => {})

/** Where a definition has put the functions of its stages. */
const ownStage = (id) => [...globalThis[Symbol.for('genepool/stages')].get(`main${id}`).values()][0]

const results = []
for (const { folder, main, id, log } of JSON.parse(readFileSync(process.argv[2], 'utf8'))) {
  if (main !== 'stage.ts') {
    tracer.begin({ log, root: folder, given: [], trusts: [] })
    tracer.install([], 'modules')
  }
  let isLoaded = false
  try {
    const thrown = new Promise((_, reject) => (onThrown = reject))
    const module = await Promise.race([import(pathToFileURL(join(folder, main)).href), thrown])
    isLoaded = true
    const stage = main === 'stage.ts' ? module.stage : ownStage(id)
    results.push(JSON.stringify(stage({ params: {} })))
  } catch (error) {
    results.push(isLoaded ? `raises ${error.constructor.name}` : 'does not load')
  }
  tracer.flush()
}
process.stdout.write(JSON.stringify(results))
process.exit(0)
