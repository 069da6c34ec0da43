/** One source file's syntax: its hash without comments and formatting, and what it imports. Loads ts-morph. */
import { createHash } from 'node:crypto'
import { ts } from 'ts-morph'

export interface FileCode {
  readonly hash: string
  /**
   * Module specifiers of every import that is still there when types are erased: dynamic ones included, and files named by
   * `new URL('./file.js', import.meta.url)`, as threads are.
   */
  readonly imports: readonly string[]
}

/** Tokens that formatters add and drop at will; the tree around them says what they say. */
const ignored = new Set([ts.SyntaxKind.CommaToken, ts.SyntaxKind.SemicolonToken, ts.SyntaxKind.EndOfFileToken])

const importOf = (node: ts.Node): string | undefined => {
  if (ts.isImportDeclaration(node)) {
    const types = node.importClause?.isTypeOnly === true
    return !types && ts.isStringLiteral(node.moduleSpecifier) ? node.moduleSpecifier.text : undefined
  }
  if (ts.isExportDeclaration(node) && !node.isTypeOnly && node.moduleSpecifier !== undefined) {
    return ts.isStringLiteral(node.moduleSpecifier) ? node.moduleSpecifier.text : undefined
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    const argument = node.arguments[0]
    return argument !== undefined && ts.isStringLiteralLike(argument) ? argument.text : undefined
  }
  if (ts.isNewExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === 'URL') {
    const [file, base] = node.arguments ?? []
    const beside = base !== undefined && ts.isPropertyAccessExpression(base) && ts.isMetaProperty(base.expression)
    return beside && file !== undefined && ts.isStringLiteralLike(file) ? file.text : undefined
  }
  return undefined
}

/** Parses one file; `name` only decides between JavaScript and TypeScript. Never type-checks. */
export const parseCode = (name: string, text: string): FileCode => {
  const source = ts.createSourceFile(name, text, ts.ScriptTarget.Latest, false)
  const hash = createHash('sha256')
  const imports = new Set<string>()
  const visit = (node: ts.Node): void => {
    if (ignored.has(node.kind) || ts.isJSDoc(node)) return
    const specifier = importOf(node)
    if (specifier !== undefined) imports.add(specifier)
    const children = node.getChildren(source)
    hash.update(`(${node.kind}`)
    if (ts.isStringLiteral(node)) hash.update(`"${JSON.stringify(node.text)}`)
    else if (children.length === 0) hash.update(`=${JSON.stringify(node.getText(source))}`)
    else children.forEach(visit)
    hash.update(')')
  }
  visit(source)
  return { hash: hash.digest('hex'), imports: [...imports].sort() }
}
