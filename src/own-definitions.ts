/** How this program's processes load definitions: compiled once, and with this program's own copy of the package. */
import * as path from 'node:path'
import { cacheFolder } from './base/cache-folder.js'
import { compiledDefinitions } from './runtime/definition/compiled-definition.js'
import { ownPackage } from './runtime/definition/own-package.js'

export const useOwnDefinitions = (): void => {
  compiledDefinitions.folder = path.join(cacheFolder(), 'definitions')
  ownPackage.load = () => import('./index.js')
}
