/** `code/`: what the code behind a digest was. Only explanations read it; without a record they are poorer, never wrong. */
import * as fs from 'node:fs'
import { digestOf } from '../code/code-record.js'
import { decodeRecord } from '../code/record-text.js'
import type { Entry } from './stored-entries.js'

export const isCodeRecordText = (digest: string, text: string): boolean => {
  try {
    return digestOf(decodeRecord(text)) === digest
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
