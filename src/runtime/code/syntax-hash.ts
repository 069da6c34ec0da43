/** The hash of what a piece of syntax means: the same however it is formatted, commented or typed. */
import { createHash } from 'node:crypto'
import type { ts } from 'ts-morph'
import { fieldsOf, withoutSkin } from './erase.js'
import { typescript } from './typescript.js'

/** Own names of the kinds of syntax: their numbers differ from one version of the parser to the next. */
let kindNames: ReadonlyMap<number, string> | undefined

const kindName = (kind: number): string => {
  kindNames ??= new Map(
    Object.entries(typescript().SyntaxKind)
      .filter((entry): entry is [string, ts.SyntaxKind] => typeof entry[1] === 'number')
      // FirstToken, LastBinaryOperator and the like are second names.
      .filter(([name]) => !/^(First|Last)[A-Z]/.test(name))
      .map(([name, number]) => [number, name]),
  )
  return kindNames.get(kind) ?? `kind ${kind}`
}

/** Fields in which the parser keeps a word as the number of its token. */
const tokenFields = new Set(['operator', 'token', 'keywordToken', 'phaseModifier'])

const text = (value: string): string => `${value.length}:${value}`

const sortedFlags = (literal: string): string => {
  const end = literal.lastIndexOf('/') + 1
  return literal.slice(0, end) + Array.from(literal.slice(end)).sort().join('')
}

/** What a node says by itself. Spelling is left out: `0xff` is 255, "a" is 'a'. */
const ownText = (node: ts.Node): string | undefined => {
  const ts = typescript()
  if (ts.isRegularExpressionLiteral(node)) return sortedFlags(node.text)
  if (ts.isIdentifier(node) || ts.isPrivateIdentifier(node)) return node.text
  // Of a template the raw text is what a tag may see; elsewhere both say the same.
  if (ts.isTemplateLiteralToken(node)) return `${(node.rawText ?? '').replace(/\r\n?/g, '\n')}\n${node.text}`
  if (ts.isBigIntLiteral(node)) return String(BigInt(node.text.slice(0, -1)))
  return ts.isLiteralExpression(node) || ts.isJsxText(node) ? node.text : undefined
}

/** A member's name, if it is written out: `a`, `'a'` and, of a number, `1` or `'1'`. */
const plainName = (node: ts.Node): string | undefined => {
  const ts = typescript()
  return ts.isIdentifier(node) || ts.isStringLiteral(node) || ts.isNumericLiteral(node) ? node.text : undefined
}

/** Kinds whose field `name` may be quoted or not. */
const hasQuotableName = (node: ts.Node): boolean => {
  const ts = typescript()
  return (
    ts.isPropertyAssignment(node) ||
    ts.isClassElement(node) ||
    ts.isObjectLiteralElement(node) ||
    ts.isEnumMember(node) ||
    ts.isImportAttribute(node)
  )
}

export type Omitted = (node: ts.Node) => boolean

const write = (node: ts.Node, out: string[], omitted: Omitted): void => {
  const ts = typescript()
  if (omitted(node)) return
  out.push('(', kindName(node.kind))
  const own = ownText(node)
  if (own !== undefined) out.push(' ', text(own))
  // A string alone is a directive, one in brackets is none.
  if (ts.isExpressionStatement(node) && ts.isStringLiteral(node.expression)) out.push(' directive')
  const quotable = hasQuotableName(node)
  for (const [key, value] of fieldsOf(node)) {
    out.push(' ', key, '=')
    if (typeof value === 'object') {
      if (Array.isArray(value)) {
        out.push('[')
        for (const item of value as readonly ts.Node[]) write(withoutSkin(item), out, omitted)
        out.push(']')
      } else {
        const name = quotable || key === 'propertyName' ? plainName(value as ts.Node) : undefined
        if (name !== undefined && (key === 'name' || key === 'propertyName')) out.push(text(name))
        else write(value as ts.Node, out, omitted)
      }
    } else if (typeof value === 'number' && tokenFields.has(key)) out.push(kindName(value))
    else out.push(text(String(value)))
  }
  out.push(')')
}

const sha256 = (written: string): string =>
  // UTF-16: lone surrogates all become one character in UTF-8.
  createHash('sha256').update(Buffer.from(written, 'utf16le')).digest('hex')

/** sha256, hexadecimal, of several nodes in a row; those that `omitted` names are left out with all below them. */
export const hashSyntax = (nodes: readonly ts.Node[], omitted: Omitted = () => false, said = ''): string => {
  const out: string[] = [said]
  for (const node of nodes) write(withoutSkin(node), out, omitted)
  return sha256(out.join(''))
}
