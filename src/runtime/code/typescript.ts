/** TypeScript's parser, loaded when the first file has to be parsed, so that a run without changes does not load it. */
import { createRequire } from 'node:module'
import * as path from 'node:path'
import type * as tsMorph from 'ts-morph'
import { KeptCode } from '../../base/kept-code.js'

type TypeScript = typeof tsMorph.ts

/**
 * The compiler alone, from the package that ts-morph has it from; with the rest of both it takes twice as long. A
 * CommonJS module: loading it needs no `await`, so that all of reading code stays synchronous.
 */
const load = (): TypeScript => {
  const require = createRequire(import.meta.url)
  const common = createRequire(require.resolve('ts-morph')).resolve('@ts-morph/common')
  const file = path.join(path.dirname(common), 'typescript.js')
  return new KeptCode(file, 'typescript').requiring(() => require(file) as TypeScript)
}

let loaded: TypeScript | undefined

export const typescript = (): TypeScript => (loaded ??= load())

/** Without brackets and what only the type checker reads around an expression. */
export const withoutSkin = (node: tsMorph.ts.Node): tsMorph.ts.Node => {
  const ts = typescript()
  let inner = node
  while (
    ts.isParenthesizedExpression(inner) ||
    ts.isAsExpression(inner) ||
    ts.isSatisfiesExpression(inner) ||
    ts.isNonNullExpression(inner) ||
    ts.isTypeAssertionExpression(inner) ||
    ts.isExpressionWithTypeArguments(inner)
  ) {
    inner = inner.expression
  }
  return inner
}

/** All names that a declaration binds. */
export const boundNames = (name: tsMorph.ts.BindingName): readonly tsMorph.ts.Identifier[] => {
  const ts = typescript()
  if (ts.isIdentifier(name)) return [name]
  return name.elements.flatMap((each) => (ts.isBindingElement(each) ? boundNames(each.name) : []))
}

/** Whether an identifier stands for a value, and is not the name of a property or a label. */
export const isReference = (node: tsMorph.ts.Identifier): boolean => {
  const ts = typescript()
  const { parent } = node
  if (ts.isPropertyAccessExpression(parent)) return parent.name !== node
  if (ts.isPropertyAssignment(parent) || ts.isClassElement(parent) || ts.isMethodDeclaration(parent)) {
    return (parent as { readonly name?: tsMorph.ts.Node }).name !== node
  }
  if (ts.isBindingElement(parent)) return parent.propertyName !== node
  return !(
    ts.isLabeledStatement(parent) ||
    ts.isBreakOrContinueStatement(parent) ||
    ts.isMetaProperty(parent) ||
    ts.isImportSpecifier(parent) ||
    ts.isExportSpecifier(parent)
  )
}
