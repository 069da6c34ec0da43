// Loads definitions as the command line does, once by the loader of TypeScript and once compiled. Arguments: the folder
// for compiled ones, then files. Prints a line of JSON a file: what each gave, or said.
import * as Effect from 'effect/Effect'
import { loadDefinition } from '../../dist/runtime/definition/load.js'
import { ownPackage } from '../../dist/runtime/definition/own-package.js'
import { compiledDefinitions, runCompiled } from '../../dist/runtime/definition/compiled-definition.js'

const [folder, ...files] = process.argv.slice(2)
const load = (file) => Effect.runPromise(loadDefinition(file)).catch(({ message, hint }) => ({ message, hint }))

const byLoader = []
for (const file of files) byLoader.push(await load(file))
ownPackage.load = () => import('../../dist/index.js')
compiledDefinitions.folder = folder
for (const [index, file] of files.entries()) {
  const isCompiled = (await runCompiled(file).catch(() => true)) !== undefined
  console.log(JSON.stringify({ isCompiled, byLoader: byLoader[index], compiled: await load(file) }))
}
