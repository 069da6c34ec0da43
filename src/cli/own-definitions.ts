/** How this program loads definitions: compiled once, and with its own copy of the package that they import. */
import * as path from 'node:path'
import { cacheFolder } from '../engine/cache-folder.js'
import { ownPackage } from '../runtime/definition/own-package.js'
import { compiledDefinitions } from '../runtime/definition/run-compiled.js'

export const useOwnDefinitions = (): void => {
  compiledDefinitions.folder = path.join(cacheFolder(), 'definitions')
  ownPackage.load = () => import('../index.js')
}
