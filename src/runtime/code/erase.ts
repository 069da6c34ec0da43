/**
 * Syntax as far as it means anything at run time: types, comments and what a formatter adds or drops are left out.
 * Everything else is taken as the parser has it, so that syntax nobody thought of here counts rather than not.
 */
import type { ts } from 'ts-morph'
import { typescript } from './typescript.js'

/** Properties of a node that say where it is, what was found out about it, how it was written, or its type. */
const ignoredKeys = new Set([
  'pos',
  'end',
  'parent',
  'id',
  'kind',
  'flags',
  'modifierFlagsCache',
  'transformFlags',
  'original',
  'emitNode',
  'jsDoc',
  'symbol',
  'localSymbol',
  'locals',
  'nextContainer',
  'flowNode',
  'endFlowNode',
  'returnFlowNode',
  'multiLine',
  'hasExtendedUnicodeEscape',
  'singleQuote',
  'numericLiteralFlags',
  'templateFlags',
  'isUnterminated',
  'containsOnlyTriviaWhiteSpaces',
  'possiblyExhaustive',
  'endOfFileToken',
  'text',
  'rawText',
  'escapedText',
  'type',
  'typeParameters',
  'typeArguments',
  'questionToken',
  'exclamationToken',
])

export type SyntaxField = readonly [key: string, value: ts.Node | readonly ts.Node[] | string | number | boolean]

const isNode = (value: unknown): value is ts.Node =>
  typeof value === 'object' && value !== null && 'kind' in value && 'pos' in value

const hasModifier = (node: ts.Node, kind: ts.SyntaxKind): boolean =>
  'modifiers' in node &&
  ((node.modifiers as readonly ts.Node[] | undefined)?.some((each) => each.kind === kind) ?? false)

/** Whether a namespace has anything but types in it. */
const isInstantiated = (body: ts.Node | undefined): boolean => {
  const ts = typescript()
  if (body === undefined) return false
  if (ts.isModuleDeclaration(body)) return isInstantiated(body.body)
  return !ts.isModuleBlock(body) || body.statements.some((statement) => !isErased(statement))
}

/** Whether nothing of a node is left when types are erased. */
export const isErased = (node: ts.Node): boolean => {
  const ts = typescript()
  if (hasModifier(node, ts.SyntaxKind.DeclareKeyword)) return true
  switch (node.kind) {
    case ts.SyntaxKind.InterfaceDeclaration:
    case ts.SyntaxKind.TypeAliasDeclaration:
    case ts.SyntaxKind.NamespaceExportDeclaration:
    case ts.SyntaxKind.IndexSignature:
    case ts.SyntaxKind.SemicolonClassElement:
    case ts.SyntaxKind.NotEmittedStatement:
    case ts.SyntaxKind.JSDoc:
      return true
    case ts.SyntaxKind.ModuleDeclaration:
      return !isInstantiated((node as ts.ModuleDeclaration).body)
    case ts.SyntaxKind.ImportDeclaration:
      return (node as ts.ImportDeclaration).importClause?.isTypeOnly === true
    case ts.SyntaxKind.ImportEqualsDeclaration:
      return (node as ts.ImportEqualsDeclaration).isTypeOnly
    case ts.SyntaxKind.ExportDeclaration:
      return (node as ts.ExportDeclaration).isTypeOnly
    case ts.SyntaxKind.HeritageClause:
      return (node as ts.HeritageClause).token === ts.SyntaxKind.ImplementsKeyword
    case ts.SyntaxKind.FunctionDeclaration:
    case ts.SyntaxKind.MethodDeclaration:
    case ts.SyntaxKind.Constructor:
      // An overload, or an abstract method.
      return (node as ts.FunctionLikeDeclaration).body === undefined
    case ts.SyntaxKind.GetAccessor:
    case ts.SyntaxKind.SetAccessor:
    case ts.SyntaxKind.PropertyDeclaration:
      return hasModifier(node, ts.SyntaxKind.AbstractKeyword)
    case ts.SyntaxKind.Parameter: {
      const { name } = node as ts.ParameterDeclaration
      return ts.isIdentifier(name) && name.text === 'this'
    }
    default:
      return false
  }
}

/** Without brackets and what only the type checker reads around an expression. */
export const withoutSkin = (node: ts.Node): ts.Node => {
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

/** Operands of a chain of one logical operator, however it is bracketed: formatters rebalance such chains. */
const operandsOf = (node: ts.BinaryExpression): readonly ts.Node[] => {
  const ts = typescript()
  const operator = node.operatorToken.kind
  return [node.left, node.right]
    .map(withoutSkin)
    .flatMap((side) =>
      ts.isBinaryExpression(side) && side.operatorToken.kind === operator ? operandsOf(side) : [side],
    )
}

const isLogical = (node: ts.BinaryExpression): boolean => {
  const { SyntaxKind } = typescript()
  return [SyntaxKind.AmpersandAmpersandToken, SyntaxKind.BarBarToken, SyntaxKind.QuestionQuestionToken].includes(
    node.operatorToken.kind,
  )
}

/** Modifiers that do something at run time, where they stand; exports are followed by name. */
const modifierFields = (node: ts.Node, modifiers: readonly ts.Node[]): readonly SyntaxField[] => {
  const { SyntaxKind } = typescript()
  const meant = [SyntaxKind.Decorator, SyntaxKind.AsyncKeyword, SyntaxKind.StaticKeyword, SyntaxKind.AccessorKeyword]
  const kept = modifiers.filter(({ kind }) => meant.includes(kind))
  const fields: SyntaxField[] = kept.length === 0 ? [] : [['modifiers', kept]]
  // `constructor(private x)` assigns a field; which of the words says so does not matter.
  if (node.kind === SyntaxKind.Parameter && modifiers.some(({ kind }) => kind !== SyntaxKind.Decorator)) {
    fields.push(['assigns', true])
  }
  return fields
}

/** What a list keeps: in lists of statements an empty one says nothing. */
const keptItems = (items: readonly ts.Node[]): readonly ts.Node[] => {
  const { SyntaxKind } = typescript()
  return items.filter((item) => item.kind !== SyntaxKind.EmptyStatement && !isErased(item))
}

/** `let`, `const`, `var`, `using` or `await using`, which the parser keeps in flags. */
export const bindingWord = (list: ts.VariableDeclarationList): string => {
  const { Let, Const, Using, AwaitUsing, BlockScoped } = typescript().NodeFlags
  const words = new Map<number, string>([
    [Let, 'let'],
    [Const, 'const'],
    [Using, 'using'],
    [AwaitUsing, 'await using'],
  ])
  return words.get(list.flags & BlockScoped) ?? 'var'
}

/** What the parser keeps in flags alone: how a list binds, and where a chain of `?.` ends. */
const flagFields = (node: ts.Node): readonly SyntaxField[] => {
  const ts = typescript()
  if (ts.isVariableDeclarationList(node)) return [['binds', bindingWord(node)]]
  return (node.flags & ts.NodeFlags.OptionalChain) === 0 ? [] : [['chained', true]]
}

/** What is left of a node, field by field; `node` itself has no skin. */
export const fieldsOf = (node: ts.Node): readonly SyntaxField[] => {
  const ts = typescript()
  if (ts.isBinaryExpression(node) && isLogical(node)) {
    return [
      ['operator', ts.tokenToString(node.operatorToken.kind)!],
      ['operands', operandsOf(node)],
    ]
  }
  const fields: SyntaxField[] = [...flagFields(node)]
  for (const [key, value] of Object.entries(node) as readonly (readonly [string, unknown])[]) {
    if (value === undefined || ignoredKeys.has(key)) continue
    if (key === 'modifiers') {
      fields.push(...modifierFields(node, value as readonly ts.Node[]))
    } else if (Array.isArray(value)) {
      const kept = keptItems(value as readonly ts.Node[])
      if (kept.length > 0 || key !== 'heritageClauses') fields.push([key, kept])
    } else if (isNode(value)) {
      if (!isErased(value)) fields.push([key, withoutSkin(value)])
    } else if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') {
      fields.push([key, value])
    }
  }
  // `new A` and `new A()` are one.
  if (ts.isNewExpression(node) && node.arguments === undefined) fields.push(['arguments', []])
  return fields
}

/** The nodes right below, in the order of evaluation as near as the parser has it. */
export const childrenOf = (node: ts.Node): readonly ts.Node[] =>
  fieldsOf(node).flatMap(([, value]) =>
    Array.isArray(value) ? (value as readonly ts.Node[]).map(withoutSkin) : isNode(value) ? [value] : [],
  )
