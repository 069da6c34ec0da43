/** Files and folders: written whole or not at all, read and written in parts, made where they are missing. */
import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import * as path from 'node:path'
import { errorCode } from './errors.js'

/** A folder that stands in the file's place is moved aside: nothing can be renamed over it. */
const replace = (temporary: string, file: string): void => {
  try {
    fs.renameSync(temporary, file)
  } catch (cause) {
    if (!fs.lstatSync(file, { throwIfNoEntry: false })?.isDirectory()) throw cause
    fs.renameSync(file, `${temporary}.aside`)
    fs.renameSync(temporary, file)
  }
}

/** Node reads, writes and hashes less than 2 GiB at once. Parts of this size are as fast. */
const partBytes = 64 * 2 ** 20

/** The bytes of an array, `most` at a time; a view of all of them may be longer than Node allows. */
export function* partsOf(array: ArrayBufferView, most = partBytes): Generator<Uint8Array> {
  const { buffer, byteOffset, byteLength } = array
  for (let at = 0; at < byteLength; at += most) {
    yield new Uint8Array(buffer, byteOffset + at, Math.min(most, byteLength - at))
  }
}

/** Opens a file to read it, for as long as `read` runs; of nothing else than a file. */
export const withOpenFile = <A>(file: string, read: (descriptor: number) => A): A => {
  expectFile(file)
  const descriptor = fs.openSync(file, 'r')
  try {
    return read(descriptor)
  } finally {
    fs.closeSync(descriptor)
  }
}

/**
 * Fills `into` with what an open file holds from `position` on, `most` bytes at a time; gives the number of bytes that
 * were there.
 */
export const readInto = (descriptor: number, into: ArrayBufferView, position: number, most = partBytes): number => {
  let done = 0
  for (const part of partsOf(into, most)) {
    for (let at = 0; at < part.length;) {
      const read = fs.readSync(descriptor, part, at, part.length - at, position + done)
      if (read === 0) return done
      at += read
      done += read
    }
  }
  return done
}

/**
 * Replaces `file` by `contents` (of several, one after the other) in one step that a crash cannot cut in half: they are
 * written beside it, `most` bytes at a time, flushed, then renamed. Makes the folder where there is none.
 */
export const writeFileAtomic = (
  file: string,
  contents: string | ArrayBufferView | readonly ArrayBufferView[],
  most = partBytes,
): void => {
  makeFolder(path.dirname(file))
  const temporary = `${file}.${process.pid}.${randomBytes(4).toString('hex')}.tmp`
  try {
    const descriptor = fs.openSync(temporary, 'wx')
    try {
      if (typeof contents === 'string') fs.writeFileSync(descriptor, contents)
      else {
        for (const array of ArrayBuffer.isView(contents) ? [contents] : contents) {
          for (const part of partsOf(array, most)) fs.writeFileSync(descriptor, part)
        }
      }
      fs.fsyncSync(descriptor)
    } finally {
      fs.closeSync(descriptor)
    }
    replace(temporary, file)
  } catch (cause) {
    fs.rmSync(temporary, { force: true })
    throw cause
  }
}

/** What there is in a file's place, such as `a named pipe`; undefined where it is a file. Throws where nothing is. */
export const otherThanFile = (file: string): string | undefined => {
  const stat = fs.statSync(file)
  if (stat.isFile()) return undefined
  if (stat.isDirectory()) return 'a folder'
  return stat.isFIFO() ? 'a named pipe' : stat.isSocket() ? 'a socket' : 'a device'
}

/** Throws for whatever is no file: reading a pipe may never begin, and reading a device never end. */
export const expectFile = (file: string): void => {
  const other = otherThanFile(file)
  // An error of the system's: what is wrong is the file, not the program.
  if (other !== undefined) throw Object.assign(new Error(`${file} is ${other}, not a file`), { code: 'ENOTSUP' })
}

/** A file's bytes; of nothing else than a file. */
export const readWholeFile = (file: string): Buffer => {
  expectFile(file)
  return fs.readFileSync(file)
}

/** The file's text, or undefined where there is none. */
export const readTextIfThere = (file: string): string | undefined => {
  try {
    return readWholeFile(file).toString('utf8')
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return undefined
    throw cause
  }
}

/** The file's text, or nothing where it cannot be read. */
export const readTextOrEmpty = (file: string): string => {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

/** Whether a name, `/` between its parts, stays inside the folder that it is joined to, on every system. */
export const isInnerName = (name: string): boolean =>
  name !== '' &&
  !/[\\\0]|^[A-Za-z]:/.test(name) &&
  name.split('/').every((part) => part !== '' && part !== '.' && part !== '..')

/**
 * Makes a folder with all that is missing above it, for `mode`, by default everybody. One level at a time: Node's
 * recursive form never returns where a folder cannot be made (below /proc).
 */
export const makeFolder = (folder: string, mode?: number): void => {
  if (fs.existsSync(folder)) return
  makeFolder(path.dirname(folder), mode)
  try {
    fs.mkdirSync(folder, { mode })
  } catch (cause) {
    // Another process may have made it in between.
    if (errorCode(cause) !== 'EEXIST') throw cause
  }
}

/** Leaves the latest `mostKept` files of a folder. */
export const removeOldest = (folder: string, mostKept: number): void => {
  const files = fs.readdirSync(folder).map((name) => path.join(folder, name))
  if (files.length <= mostKept) return
  const byAge = files.map((file) => ({ file, at: fs.statSync(file).mtimeMs })).sort((a, b) => a.at - b.at)
  for (const { file } of byAge.slice(0, files.length - mostKept)) fs.rmSync(file, { recursive: true, force: true })
}
