// Preloaded with --import: at its end every process writes which packages it has loaded, one file a process.
import * as fs from 'node:fs'
import { createRequire } from 'node:module'
import * as path from 'node:path'

/** Every CommonJS module of the process; all packages that matter here are CommonJS. */
const loaded = createRequire(import.meta.url).cache

process.on('exit', () => {
  const packages = new Set()
  for (const file of Object.keys(loaded)) {
    const name = /.*[\\/]node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)/.exec(file)?.[1]
    if (name !== undefined) packages.add(name.replaceAll('\\', '/'))
  }
  const role = path.basename(process.argv[1] ?? 'node', '.js')
  fs.writeFileSync(path.join(process.env.LOADED_PACKAGES, `${role}-${process.pid}.json`), JSON.stringify([...packages]))
})
