// Imported before the command line: a system that has no watch to give any more, as when a container's limit is
// reached.
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'

fs.watch = () => {
  throw Object.assign(new Error('System limit for number of file watchers reached'), { code: 'ENOSPC' })
}
syncBuiltinESMExports()
