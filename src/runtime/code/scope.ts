/** The names that a block, a function or a class binds, so that a name that is free in it can be told from its own. */
import type { ts } from 'ts-morph'
import { isErased, withoutSkin } from './erase.js'
import { typescript } from './typescript.js'

/** `fresh`: holds an object that was made right there. `given`: may hold one that others hold too. */
export type Holding = 'fresh' | 'given'

export interface Scope {
  readonly names: ReadonlyMap<string, Holding>
  readonly above: Scope | undefined
}

type Names = Map<string, Holding>

/** Whether the expression makes its value itself. */
const isFresh = (initializer: ts.Node | undefined): boolean => {
  const ts = typescript()
  if (initializer === undefined) return true
  const value = withoutSkin(initializer)
  return (
    ts.isArrayLiteralExpression(value) ||
    ts.isObjectLiteralExpression(value) ||
    ts.isNewExpression(value) ||
    ts.isFunctionExpression(value) ||
    ts.isArrowFunction(value) ||
    ts.isLiteralExpression(value) ||
    ts.isTemplateExpression(value)
  )
}

/** Every name of a binding pattern. */
export const bindingNames = (name: ts.BindingName): readonly string[] => {
  const ts = typescript()
  if (ts.isIdentifier(name)) return [name.text]
  return name.elements.flatMap((element) => (ts.isOmittedExpression(element) ? [] : bindingNames(element.name)))
}

const bind = (names: Names, name: ts.BindingName, holding: Holding): void => {
  for (const each of bindingNames(name)) names.set(each, holding)
}

const bindList = (names: Names, list: ts.VariableDeclarationList, given = false): void => {
  const ts = typescript()
  for (const { name, initializer } of list.declarations) {
    bind(names, name, !given && ts.isIdentifier(name) && isFresh(initializer) ? 'fresh' : 'given')
  }
}

const isBlockScoped = (list: ts.VariableDeclarationList): boolean =>
  (list.flags & typescript().NodeFlags.BlockScoped) !== 0

/** What the statements of a block bind in it. */
export const lexicalNames = (statements: readonly ts.Node[]): Names => {
  const ts = typescript()
  const names: Names = new Map()
  for (const statement of statements) {
    if (isErased(statement)) continue
    if (ts.isVariableStatement(statement)) {
      if (isBlockScoped(statement.declarationList)) bindList(names, statement.declarationList)
    } else if (
      (ts.isFunctionDeclaration(statement) ||
        ts.isClassDeclaration(statement) ||
        ts.isEnumDeclaration(statement) ||
        ts.isModuleDeclaration(statement) ||
        ts.isImportEqualsDeclaration(statement)) &&
      statement.name !== undefined
    ) {
      names.set(statement.name.text, 'given')
    }
  }
  return names
}

/** `var`s of a function's body, however deep in its blocks. */
export const hoistedNames = (body: ts.Node): Names => {
  const ts = typescript()
  const names: Names = new Map()
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) || ts.isClassLike(node) || ts.isModuleDeclaration(node)) return
    if (ts.isVariableDeclarationList(node) && !isBlockScoped(node)) {
      const ofLoop = ts.isForOfStatement(node.parent) || ts.isForInStatement(node.parent)
      bindList(names, node, ofLoop)
    }
    ts.forEachChild(node, visit)
  }
  visit(body)
  return names
}

export const parameterNames = (parameters: readonly ts.ParameterDeclaration[]): Names => {
  const names: Names = new Map()
  for (const parameter of parameters) if (!isErased(parameter)) bind(names, parameter.name, 'given')
  return names
}

/** What a `for` binds in its head. */
export const loopNames = (initializer: ts.Node | undefined, given: boolean): Names => {
  const names: Names = new Map()
  if (initializer !== undefined && typescript().isVariableDeclarationList(initializer)) {
    bindList(names, initializer, given)
  }
  return names
}

export const within = (above: Scope | undefined, names: ReadonlyMap<string, Holding>): Scope | undefined =>
  names.size === 0 ? above : { names, above }

/** The scope that binds the name; undefined where it is free. */
export const scopeOf = (scope: Scope | undefined, name: string): Scope | undefined => {
  for (let at = scope; at !== undefined; at = at.above) if (at.names.has(name)) return at
  return undefined
}
