/**
 * What a stage prints: kept in a file, of much of it the first and the last part, and told line by line as it comes.
 * While the stage computes, and where it fails, the file lies with the run's record; what it printed when its artifact
 * came to be is stored with that.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import { makeFolder } from '../../base/files.js'
import { sizeText } from '../../dsl/amounts.js'
import type { Store } from '../store/store.js'

/** Letters of the first part, and of the last. */
const partLength = 512 * 1_024

/** Letters after which the end of a line is not waited for. */
const longestLine = 16 * 1_024

/** At most so long the file lags behind. */
const saveMs = 1_000

/** Where a run keeps what the stage of this fingerprint prints. */
export const stageLogFile = (store: Store['Service'], run: string, fingerprint: string): string =>
  store.place('runs', `${run}.${fingerprint}.log`)

export class StageLog {
  readonly #file: string
  readonly #onLines: (lines: readonly string[]) => void
  #first = ''
  /** Of what came after the first part: the last piece of its length, and what is on the way to be one. */
  #last = ''
  #newest = ''
  /** Bytes between the first part and these. */
  #leftOut = 0
  /** A line that has not ended yet. */
  #begun = ''
  #saving: NodeJS.Timeout | undefined
  #isClosed = false

  constructor(file: string, onLines: (lines: readonly string[]) => void) {
    this.#file = file
    this.#onLines = onLines
  }

  readonly take = (text: string): void => {
    // A program that the stage has left behind may still print.
    if (this.#isClosed) return
    const room = partLength - this.#first.length
    this.#first += text.slice(0, room)
    this.#newest += text.slice(room)
    if (this.#newest.length >= partLength) {
      this.#leftOut += Buffer.byteLength(this.#last)
      this.#last = this.#newest
      this.#newest = ''
    }
    this.#saving ??= setTimeout(() => this.#save(), saveMs).unref()
    const lines = (this.#begun + text).split('\n')
    this.#begun = lines.pop() ?? ''
    if (this.#begun.length > longestLine) {
      lines.push(this.#begun)
      this.#begun = ''
    }
    if (lines.length > 0) this.#onLines(lines)
  }

  /** A line between two attempts, where there is something for it to part. */
  readonly note = (text: string): void => {
    if (this.#first !== '') this.take(`${this.#begun === '' ? '' : '\n'}[${text}]\n`)
  }

  /** With a line where something is left out; the last part begins with a whole line, unless that is a long one. */
  get #text(): string {
    const last = this.#last + this.#newest
    if (this.#leftOut === 0 && last.length <= partLength) return this.#first + last
    const cut = last.slice(-partLength)
    const end = cut.indexOf('\n')
    const kept = cut.slice(end < longestLine ? end + 1 : 0)
    const bytes = this.#leftOut + Buffer.byteLength(last) - Buffer.byteLength(kept)
    const sentence = `${sizeText(bytes)} left out here: of what a stage prints, the first and the last part are kept`
    return `${this.#first}\n[${sentence}]\n${kept}`
  }

  #save(): void {
    clearTimeout(this.#saving)
    this.#saving = undefined
    this.writeTo(this.#file)
  }

  /** Whether there is something, and it could be written: a log that cannot be kept fails no stage. */
  writeTo(file: string): boolean {
    if (this.#first === '') return false
    try {
      makeFolder(path.dirname(file))
      fs.writeFileSync(file, this.#text)
      return true
    } catch {
      return false
    }
  }

  /** Nothing more comes: what is there is told and kept. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    if (this.#begun !== '') this.#onLines([this.#begun])
    this.#save()
  }

  /** Its artifact has it. */
  drop(): void {
    try {
      fs.rmSync(this.#file, { force: true })
    } catch {
      // It goes with what else gc finds.
    }
  }
}
