/** `code/`: what the code behind a digest was. Only explanations read it; without a record they are poorer, never wrong. */
import * as fs from 'node:fs'
import { isSha256 } from './manifest.js'
import type { Entry } from './stored-entries.js'

export const isCodeRecordText = (digest: string, text: string): boolean => {
  if (!isSha256(digest)) return false
  try {
    const record: unknown = JSON.parse(text)
    return typeof record === 'object' && record !== null && !Array.isArray(record)
  } catch {
    return false
  }
}

/** Whether it is what its name says. */
export const isCodeRecord = ({ name, path }: Entry): boolean => {
  try {
    return isCodeRecordText(name.replace(/\.json$/, ''), fs.readFileSync(path, 'utf8'))
  } catch {
    return false
  }
}
