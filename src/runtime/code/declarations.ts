/** A file's top level, cut into what can be referred to by a name and what only happens when the module is loaded. */
import type { ts } from 'ts-morph'
import { bindingWord, isErased, withoutSkin } from './erase.js'
import { anonymous } from './anonymous.js'
import { bindingNames } from './scope.js'
import { typescript } from './typescript.js'

export interface ParsedMember {
  readonly name: string
  /** Several of a getter and its setter, or of two members of one name. */
  readonly nodes: readonly ts.Node[]
  /** The name once more for every part whose place among the others matters: fields and static blocks. */
  readonly fields: readonly string[]
}

export interface ParsedDeclaration {
  readonly names: readonly string[]
  /** Several where declarations of one name merge. */
  readonly nodes: readonly ts.Node[]
  /** Where it is, for people. */
  readonly place: ts.Node
  readonly members?: readonly ParsedMember[]
  readonly isState: boolean
  /** The word before it, which its nodes do not have: `let`. */
  readonly word?: string
}

export interface TopLevel {
  readonly declarations: readonly ParsedDeclaration[]
  readonly statements: readonly ts.Node[]
}

const memberName = (node: ts.Node): string => {
  const ts = typescript()
  if (ts.isConstructorDeclaration(node)) return 'constructor'
  if (ts.isClassStaticBlockDeclaration(node)) return 'static block'
  const { name } = node as ts.NamedDeclaration
  if (name === undefined) return 'member'
  return 'text' in name ? String(name.text) : '[computed]'
}

const isStatic = (node: ts.Node): boolean =>
  'modifiers' in node &&
  ((node.modifiers as readonly ts.Node[] | undefined)?.some(
    ({ kind }) => kind === typescript().SyntaxKind.StaticKeyword,
  ) ??
    false)

const membersOf = (node: ts.ClassDeclaration): readonly ParsedMember[] => {
  const ts = typescript()
  const byName = new Map<string, ts.Node[]>()
  const fields: { name: string; node: ts.Node }[] = []
  for (const member of node.members) {
    if (isErased(member)) continue
    const name = memberName(member)
    byName.set(name, [...(byName.get(name) ?? []), member])
    const isPlainMethod =
      (ts.isMethodDeclaration(member) || ts.isAccessor(member) || ts.isConstructorDeclaration(member)) &&
      name !== '[computed]'
    if (!isPlainMethod) fields.push({ name, node: member })
  }
  const order = fields.map(({ name }) => name)
  return [...byName].map(([name, nodes], index) => ({ name, nodes, fields: index === 0 ? order : [] }))
}

/** Whether what the variable holds can change once it is there. */
const holdsState = (list: ts.VariableDeclarationList, initializer: ts.Node | undefined): boolean => {
  const ts = typescript()
  if ((list.flags & ts.NodeFlags.Const) === 0 || initializer === undefined) return true
  const value = withoutSkin(initializer)
  return !(
    ts.isArrowFunction(value) ||
    ts.isFunctionExpression(value) ||
    ts.isLiteralExpression(value) ||
    ts.isTemplateExpression(value) ||
    ts.isPrefixUnaryExpression(value) ||
    value.kind === ts.SyntaxKind.TrueKeyword ||
    value.kind === ts.SyntaxKind.FalseKeyword ||
    value.kind === ts.SyntaxKind.NullKeyword
  )
}

const variables = (statement: ts.VariableStatement): readonly ParsedDeclaration[] => {
  const { declarationList } = statement
  const word = bindingWord(declarationList)
  return declarationList.declarations.map((declaration) => ({
    names: bindingNames(declaration.name),
    nodes: [declaration],
    place: declaration,
    isState: holdsState(declarationList, declaration.initializer),
    word,
  }))
}

/** One that is left out of both: imports, exports by name, types. */
const isElsewhere = (statement: ts.Node): boolean => {
  const ts = typescript()
  return (
    isErased(statement) ||
    ts.isImportDeclaration(statement) ||
    ts.isExportDeclaration(statement) ||
    ts.isEmptyStatement(statement) ||
    (ts.isImportEqualsDeclaration(statement) && ts.isExternalModuleReference(statement.moduleReference))
  )
}

const named = (statement: ts.Statement): ParsedDeclaration | undefined => {
  const ts = typescript()
  if (ts.isClassDeclaration(statement)) {
    return {
      names: [statement.name?.text ?? anonymous],
      nodes: [statement],
      place: statement.name ?? statement,
      members: membersOf(statement),
      isState: statement.members.some((member) => isStatic(member) && ts.isPropertyDeclaration(member)),
    }
  }
  if (ts.isFunctionDeclaration(statement)) {
    const place = statement.name ?? statement
    return { names: [statement.name?.text ?? anonymous], nodes: [statement], place, isState: false }
  }
  if (ts.isEnumDeclaration(statement) || ts.isImportEqualsDeclaration(statement)) {
    return { names: [statement.name.text], nodes: [statement], place: statement.name, isState: false }
  }
  if (ts.isModuleDeclaration(statement)) {
    return { names: [statement.name.text], nodes: [statement], place: statement.name, isState: true }
  }
  if (ts.isExportAssignment(statement)) {
    return { names: [anonymous], nodes: [statement.expression], place: statement, isState: true }
  }
  return undefined
}

/** Declarations of one name are one: merged namespaces and enums, a `var` twice. */
const merged = (declarations: readonly ParsedDeclaration[]): readonly ParsedDeclaration[] => {
  const byName = new Map<string, ParsedDeclaration>()
  for (const declaration of declarations) {
    const key = declaration.names.join()
    const before = byName.get(key)
    if (before === undefined) {
      byName.set(key, declaration)
      continue
    }
    const { members: _, ...rest } = before
    byName.set(key, {
      ...rest,
      nodes: [...before.nodes, ...declaration.nodes],
      isState: before.isState || declaration.isState,
    })
  }
  return [...byName.values()]
}

export const declarationsOf = (source: ts.SourceFile): TopLevel => {
  const ts = typescript()
  const declarations: ParsedDeclaration[] = []
  const statements: ts.Node[] = []
  for (const statement of source.statements) {
    if (isElsewhere(statement)) continue
    if (ts.isVariableStatement(statement)) {
      for (const variable of variables(statement)) {
        // A binding without a name is there for what its initializer does.
        if (variable.names.length > 0) declarations.push(variable)
        else statements.push(...variable.nodes)
      }
      continue
    }
    const declaration = named(statement)
    if (declaration === undefined) statements.push(statement)
    else declarations.push(declaration)
  }
  return { declarations: merged(declarations), statements }
}
