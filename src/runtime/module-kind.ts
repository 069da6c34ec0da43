/** Whether Node takes a file as an ES module or as CommonJS. */
import * as path from 'node:path'
import { readTextIfThere } from './atomic-file.js'

/** By its ending, else by the nearest package.json. `onLookedAt` is told of every package.json that was looked for. */
export const isEsModule = (file: string, onLookedAt: (manifest: string) => void = () => {}): boolean => {
  if (/\.m[jt]s$/.test(file)) return true
  if (/\.c[jt]s$/.test(file)) return false
  for (let at = path.dirname(file); ; at = path.dirname(at)) {
    const manifest = path.join(at, 'package.json')
    onLookedAt(manifest)
    const text = readTextIfThere(manifest)
    if (text !== undefined) return (JSON.parse(text) as { type?: string }).type === 'module'
    if (path.dirname(at) === at) return false
  }
}
