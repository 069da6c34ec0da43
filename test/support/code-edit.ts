import type { Files } from './stage-code.js'

/** A small program, and what of it counts as changed after an edit. */
export interface CodeEdit {
  readonly what: string
  readonly files: Files
  /** File and what it is then; a file of null is removed. */
  readonly edit: Readonly<Record<string, string | null>>
  /** What of it cannot be followed then; by default nothing. */
  readonly opaque?: string
  /** What counts as changed; none: it is the same code. */
  readonly changes: readonly string[]
}
