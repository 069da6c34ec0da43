import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { ts } from 'ts-morph'
import { checkout } from './support/workspace.js'

const widest = 120

const filesIn = (folder: string): readonly string[] =>
  readdirSync(join(checkout, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|js)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))

/** The text without its strings, templates and regular expressions, their line breaks kept. */
const withoutLiterals = (text: string): string => {
  const file = ts.createSourceFile('file.ts', text, ts.ScriptTarget.Latest)
  let [rest, end] = ['', 0]
  const visit = (node: ts.Node): void => {
    if (!ts.isLiteralExpression(node) && !ts.isTemplateExpression(node)) return ts.forEachChild(node, visit)
    rest += text.slice(end, node.getStart(file)) + node.getText(file).replaceAll(/[^\n]/g, '')
    end = node.end
  }
  visit(file)
  return rest + text.slice(end)
}

const wideLines = (text: string): readonly number[] =>
  text.split('\n').flatMap((line, index) => ([...line].length > widest ? [index + 1] : []))

describe('a line of code or of a comment', () => {
  for (const folder of ['src', 'test', 'bench', 'build', 'pipelines']) {
    it(`is no wider than ${widest} columns in ${folder}, long strings aside`, () => {
      const wide = filesIn(folder).flatMap((file) => {
        const text = readFileSync(file, 'utf8')
        if (wideLines(text).length === 0) return []
        return wideLines(withoutLiterals(text)).map((line) => `${file.slice(checkout.length)}:${line}`)
      })
      expect(wide).to.deep.equal([])
    })
  }
})
