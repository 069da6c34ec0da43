// Preloaded with --import: at its end a process writes which files it has opened for reading through Node's fs, and how
// much processor time it took, into the folder RECORDED. (Modules are loaded by Node itself and are no part of this.)
import * as fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import * as path from 'node:path'
import { fileURLToPath } from 'node:url'

const real = fs.default
const opened = []
const note = (file) => {
  if (typeof file === 'string') opened.push(path.resolve(file))
  else if (file instanceof URL) opened.push(fileURLToPath(file))
}
for (const target of [real, real.promises]) {
  for (const name of ['open', 'openSync', 'readFile', 'readFileSync', 'createReadStream', 'copyFile', 'copyFileSync']) {
    const original = target[name]
    if (original === undefined) continue
    target[name] = (file, ...rest) => {
      note(file)
      return original.call(target, file, ...rest)
    }
  }
}
syncBuiltinESMExports()

process.on('exit', () => {
  const { user, system } = process.cpuUsage()
  const record = { opened, cpuMs: (user + system) / 1000 }
  fs.writeFileSync(path.join(process.env.RECORDED, `${process.pid}.json`), JSON.stringify(record))
})
