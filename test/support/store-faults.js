// Preloaded into a run and its workers (`node --import`): counts every call that changes a file of the store, in all of
// these processes together, and lets the N-th go wrong. FAULT is { store, log, at, mode } as JSON; modes:
//   kill-before, kill-after   the process dies by SIGKILL before or after the call
//   kill-half                 it dies when half of the bytes are written (calls that write bytes alone are counted)
//   EIO                       this one call fails
//   ENOSPC                    this one and all later ones that need room fail (these alone are counted)
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import path from 'node:path'

const { store, log, at, mode } = JSON.parse(process.env.FAULT)
const { appendFileSync, readFileSync, writeFileSync, writeSync } = fs

const writes = ['writeFile', 'appendFile', 'write']
const makes = [...writes, 'open', 'mkdir', 'link', 'symlink', 'copyFile', 'cp']
const changes = [...makes, 'rename', 'unlink', 'rm', 'rmdir', 'chmod', 'utimes', 'fsync', 'fdatasync', 'truncate']

const counted = new Set(mode === 'kill-half' ? writes : mode === 'ENOSPC' ? makes : changes)

/** Descriptors of files of the store that are open for writing. */
const open = new Map()

const isInStore = (place) => {
  if (typeof place === 'number') return open.has(place)
  if (typeof place !== 'string') return false
  const relative = path.relative(store, path.resolve(place))
  return !relative.startsWith('..') && !path.isAbsolute(relative)
}

const isForWriting = (flags) => (typeof flags === 'string' ? /[wa+]/.test(flags) : (flags & 3) !== 0)

const concerns = (name, [first, second]) => {
  if (name === 'open') return isInStore(first) && isForWriting(second ?? 'r')
  return isInStore(first) || (['rename', 'link', 'symlink', 'copyFile', 'cp'].includes(name) && isInStore(second))
}

/** How many there have been with this one, in all processes. */
const count = (name, args) => {
  const shown = args.slice(0, 2).map((arg) => (typeof arg === 'number' ? (open.get(arg) ?? '') : String(arg)))
  appendFileSync(log, `${name} ${shown.join(' ').replaceAll('\n', ' ').slice(0, 300)}\n`)
  return readFileSync(log, 'utf8').split('\n').length - 1
}

const die = () => {
  process.kill(process.pid, 'SIGKILL')
  // Until the signal is there.
  for (;;);
}

const errorOf = (name, place) => {
  const code = mode === 'ENOSPC' ? 'ENOSPC' : 'EIO'
  const says = code === 'ENOSPC' ? 'no space left on device' : 'i/o error'
  return Object.assign(new Error(`${code}: ${says}, ${name} '${place}'`), { code, syscall: name, path: place })
}

const writeHalf = (name, [place, data]) => {
  const bytes = Buffer.from(data)
  const half = bytes.subarray(0, bytes.length >> 1)
  if (typeof place === 'number') writeSync(place, half)
  else if (name === 'appendFile') appendFileSync(place, half)
  else writeFileSync(place, half)
}

/** Writing a file is one step here, whatever calls Node makes of it. */
let writing = false

/** The error that the call has to fail with, if any; `run` is the call itself. */
const fault = (name, args, run) => {
  if (writing || !counted.has(name) || !concerns(name, args)) return undefined
  const n = count(name, args)
  if (n < at || (n > at && mode !== 'ENOSPC')) return undefined
  if (mode === 'kill-before') die()
  if (mode === 'kill-half') {
    writeHalf(name, args)
    die()
  }
  if (mode === 'kill-after') {
    run()
    die()
  }
  return errorOf(name, args[0])
}

const names = [...changes.filter((name) => name !== 'fdatasync' && name !== 'truncate'), 'fdatasync', 'truncate']
for (const name of names) {
  const sync = fs[`${name}Sync`]
  const later = fs[name]
  const promised = fs.promises[name]
  fs[`${name}Sync`] = (...args) => {
    const error = fault(name, args, () => sync(...args))
    if (error !== undefined) throw error
    const outermost = !writing && writes.includes(name)
    if (outermost) writing = true
    try {
      const result = sync(...args)
      if (name === 'open' && concerns(name, args)) open.set(result, args[0])
      return result
    } finally {
      if (outermost) writing = false
    }
  }
  if (later !== undefined) {
    fs[name] = (...args) => {
      const error = fault(name, args, () => sync(...args.slice(0, -1)))
      if (error === undefined) return later(...args)
      setImmediate(() => args.at(-1)(error))
      return undefined
    }
  }
  if (promised !== undefined) {
    fs.promises[name] = async (...args) => {
      const error = fault(name, args, () => sync(...args))
      if (error !== undefined) throw error
      return promised(...args)
    }
  }
}
const { closeSync } = fs
fs.closeSync = (descriptor) => {
  open.delete(descriptor)
  closeSync(descriptor)
}
syncBuiltinESMExports()
