/** Reads a shared library's header, to refuse a file that would fail to load or, if truncated, kill the process. */
import * as fs from 'node:fs'
import { basename } from 'node:path'
import { expectFile } from '../base/files.js'

/** ELF's number of each processor that Node.js runs on, by Node's name. */
const elfMachines: Readonly<Record<string, number>> = {
  x64: 62,
  arm64: 183,
  ia32: 3,
  arm: 40,
  ppc64: 21,
  s390x: 22,
  riscv64: 243,
  loong64: 258,
}
/** Mach-O's, which are macOS's. */
const machMachines: Readonly<Record<string, number>> = { x64: 0x0100_0007, arm64: 0x0100_000c }

const headerSize = 64
const machMagic = 0xfeed_facf
/** Several processors' libraries in one file. */
const machFatMagic = 0xcafe_babe

const nameOf = (machines: Readonly<Record<string, number>>, number: number): string =>
  Object.keys(machines).find((name) => machines[name] === number) ?? `number ${number}`

const otherMachine = (name: string, system: string, machines: Readonly<Record<string, number>>, machine: number) =>
  machine === machines[process.arch] && system === (process.platform === 'darwin' ? 'macOS' : 'Linux')
    ? undefined
    : `${name} is for ${system} on ${nameOf(machines, machine)}, this is ${process.platform}-${process.arch}`

const readHeader = (file: string): { readonly header: Buffer; readonly size: number } => {
  expectFile(file)
  const descriptor = fs.openSync(file, 'r')
  try {
    const header = Buffer.alloc(headerSize)
    const read = fs.readSync(descriptor, header, 0, headerSize, 0)
    return { header: header.subarray(0, read), size: fs.fstatSync(descriptor).size }
  } finally {
    fs.closeSync(descriptor)
  }
}

/** Why the file cannot be loaded here, as a clause; undefined where its header fits. Throws where it cannot be read. */
export const libraryProblem = (file: string): string | undefined => {
  const name = basename(file)
  const { header, size } = readHeader(file)
  if (header.length < headerSize) return `${name} is damaged: it has only ${size} bytes`
  if (header.readUInt32BE(0) === machFatMagic) return undefined
  if (header.readUInt32LE(0) === machMagic) return otherMachine(name, 'macOS', machMachines, header.readUInt32LE(4))
  if (header.toString('latin1', 0, 4) !== '\x7fELF') return `${name} is not a shared library`
  const [bits, order] = [header[4], header[5]]
  if (bits !== 2 || order !== 1) return `${name} is for a 32-bit or big-endian processor, this is ${process.arch}`
  const machine = otherMachine(name, 'Linux', elfMachines, header.readUInt16LE(18))
  if (machine !== undefined) return machine
  // The table of sections is the last part of the file.
  const end = Number(header.readBigUInt64LE(40)) + header.readUInt16LE(58) * header.readUInt16LE(60)
  return size < end ? `${name} is cut short: ${size} bytes instead of ${end}` : undefined
}
