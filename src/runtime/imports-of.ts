/** What one source file names as modules, in any way that is still there when types are erased. Loads ts-morph. */
import { ts } from 'ts-morph'

const textOf = (node: ts.Node | undefined): string | undefined =>
  node !== undefined && ts.isStringLiteralLike(node) ? node.text : undefined

/** `new URL('./file', import.meta.url)` names a file beside this one, as threads and data are. */
const besideModule = (node: ts.NewExpression): string | undefined => {
  const [file, base] = node.arguments ?? []
  const isBeside = base !== undefined && ts.isPropertyAccessExpression(base) && ts.isMetaProperty(base.expression)
  return isBeside && ts.isIdentifier(node.expression) && node.expression.text === 'URL' ? textOf(file) : undefined
}

const namedBy = (node: ts.Node): string | undefined => {
  if (ts.isImportDeclaration(node)) {
    return node.importClause?.isTypeOnly === true ? undefined : textOf(node.moduleSpecifier)
  }
  if (ts.isExportDeclaration(node)) return node.isTypeOnly ? undefined : textOf(node.moduleSpecifier)
  if (ts.isExternalModuleReference(node)) return textOf(node.expression)
  if (ts.isNewExpression(node)) return besideModule(node)
  if (!ts.isCallExpression(node)) return undefined
  const isRequire = ts.isIdentifier(node.expression) && node.expression.text === 'require'
  return isRequire || node.expression.kind === ts.SyntaxKind.ImportKeyword ? textOf(node.arguments[0]) : undefined
}

/** Specifiers in their order, each once. A file that does not parse still says what it imports. */
export const importsOf = (name: string, text: string): readonly string[] => {
  const found = new Set<string>()
  const visit = (node: ts.Node): void => {
    const specifier = namedBy(node)
    if (specifier !== undefined) found.add(specifier)
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile(name, text, ts.ScriptTarget.Latest, false))
  return [...found]
}
