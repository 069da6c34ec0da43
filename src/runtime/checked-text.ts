/** Text with its own hash in the first line, so that damage to it is seen. */
import { hash } from 'node:crypto'

const digest = (text: string): string => hash('sha256', text)

export const checkedText = (text: string): string => `${digest(text)}\n${text}`

/** Undefined for anything but what `checkedText` gave. */
export const readChecked = (written: string): string | undefined => {
  const end = written.indexOf('\n')
  if (end !== 64) return undefined
  const text = written.slice(end + 1)
  return written.slice(0, end) === digest(text) ? text : undefined
}
