import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A fresh folder for every test of the enclosing `describe`, removed after it. */
export const tempFolder = (): { readonly path: string; file(name: string): string } => {
  let folder = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'genepool-'))
  })
  afterEach(() => rmSync(folder, { recursive: true, force: true }))
  return {
    get path() {
      return folder
    },
    file: (name) => join(folder, name),
  }
}
