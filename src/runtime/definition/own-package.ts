/** This package as a definition sees it: what `import … from 'genepool'` gives in the program's own process. */
import * as fs from 'node:fs'
import { createRequire } from 'node:module'
import * as path from 'node:path'

interface OwnPackage {
  readonly name: string
  /** Its package.json. */
  readonly manifest: string
  /** Its public API, by the copy that this program runs: a second one would be loaded from a hundred files. */
  load: (() => Promise<object>) | undefined
}

const require = createRequire(import.meta.url)

export const ownPackage: OwnPackage = {
  name: 'genepool',
  manifest: require.resolve('../../../package.json'),
  load: undefined,
}

/** Whether the package's name, in that file, means this very package and not another installation of it. */
export const isOwnPackage = (specifier: string, from: string): boolean => {
  if (specifier !== ownPackage.name) return false
  try {
    const found = createRequire(from).resolve(path.posix.join(specifier, 'package.json'))
    return fs.realpathSync(found) === fs.realpathSync(ownPackage.manifest)
  } catch {
    return false
  }
}

/** This package's version. */
export const version = (createRequire(import.meta.url)('../../../package.json') as { version: string }).version
