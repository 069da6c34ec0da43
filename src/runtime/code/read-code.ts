/** Walks a stretch of syntax for the names of the module that it uses, where it leads, and what it may change. */
import type { ts } from 'ts-morph'
import { childrenOf, withoutSkin } from './erase.js'
import { EffectsReader } from './effects.js'
import type { Effects, ImportedName, Load, Opaque, CodePlace } from './file-code.js'
import { isLabel } from './label.js'
import { leadOf, type NameLookup } from './leads.js'
import { hoistedNames, lexicalNames, loopNames, parameterNames, scopeOf, within, type Scope } from './scope.js'
import { isLocal } from './resolve-import.js'
import { typescript } from './typescript.js'

/** The names of a file's own scope, and its comments that declare a line covered. */
export interface FileNames extends NameLookup {
  readonly isOwn: (name: string) => boolean
  readonly imported: (name: string) => ImportedName | undefined
  readonly placeOf: (node: ts.Node) => CodePlace
  /** Whether a comment says that what is loaded on this line is covered elsewhere. */
  readonly isCovered: (line: number) => boolean
}

export interface ReadCode {
  readonly uses: readonly string[]
  readonly loads: readonly Load[]
  readonly opaque: readonly Opaque[]
  readonly effects: Effects
  readonly onLoad?: Effects
  readonly captures: boolean
}

export interface FoundStageCall {
  readonly call: ts.CallExpression
  readonly run: ts.ObjectLiteralElementLike
  readonly scope: Scope | undefined
}

/** Where the walk is. */
interface At {
  readonly scope: Scope | undefined
  /** Whether this runs while the module loads. */
  readonly loading: boolean
  /** Whether functions here are handed to a call that may call them at once. */
  readonly handed: boolean
  /** Whether values here are only handed to a package, which keeps them. */
  readonly kept: boolean
}

/** Functions of packages that call what they are given before they return. */
const callsAtOnce = /^(run|tidy|times|each|forEach)/

const lastName = (callee: ts.Node): string => {
  const ts = typescript()
  return ts.isPropertyAccessExpression(callee) ? callee.name.text : ts.isIdentifier(callee) ? callee.text : ''
}

class CodeWalk {
  readonly uses = new Set<string>()
  readonly loads = new Map<string, Load>()
  readonly opaque: Opaque[] = []
  readonly all = new EffectsReader()
  readonly onLoad = new EffectsReader()
  readonly stageCalls: FoundStageCall[] = []
  captures = false

  readonly names: FileNames
  /** Names bound from here upwards are captured. */
  readonly boundary: Scope | undefined

  /** Where names are looked up now. */
  #scope: Scope | undefined
  readonly #lookup: NameLookup

  constructor(names: FileNames, boundary: Scope | undefined) {
    this.names = names
    this.boundary = boundary
    const isFree = (name: string): boolean => scopeOf(this.#scope, name) === undefined
    this.#lookup = {
      isGlobal: (name) => isFree(name) && names.isGlobal(name),
      imported: (name) => (isFree(name) ? names.imported(name) : undefined),
      isRequire: names.isRequire,
    }
  }

  visitAll(nodes: readonly (ts.Node | undefined)[], at: At): void {
    for (const node of nodes) if (node !== undefined) this.visit(withoutSkin(node), at)
  }

  visit(node: ts.Node, at: At): void {
    const ts = typescript()
    this.#follow(node, at)
    if (ts.isIdentifier(node)) return this.#use(node, undefined, at)
    if (ts.isFunctionLike(node)) return this.#function(node as ts.FunctionLikeDeclaration, at)
    if (ts.isClassLike(node)) return this.#class(node, at)
    if (ts.isPropertyAccessExpression(node)) return this.#access(node.expression, node.name.text, undefined, at)
    if (ts.isElementAccessExpression(node)) {
      const key = withoutSkin(node.argumentExpression)
      return this.#access(node.expression, ts.isStringLiteralLike(key) ? key.text : undefined, key, at)
    }
    if (ts.isCallExpression(node) || ts.isNewExpression(node)) return this.#call(node, at)
    this.#noteEffect(node, at)
    const inner = this.#inside(node, at)
    if (ts.isShorthandPropertyAssignment(node)) {
      this.#follow(node.name, at)
      this.#use(node.name, undefined, at)
      return this.visitAll([node.objectAssignmentInitializer], at)
    }
    for (const child of childrenOf(node)) if (!isLabel(node, child)) this.visit(child, inner)
  }

  #use(node: ts.Identifier, member: string | undefined, at: At): void {
    const { text } = node
    const bound = scopeOf(at.scope, text)
    if (bound !== undefined) {
      for (let above = this.boundary; above !== undefined; above = above.above)
        if (above === bound) this.captures = true
      return
    }
    if (!this.names.isOwn(text)) return
    const used = member !== undefined && this.names.imported(text) !== undefined ? `${text}.${member}` : text
    this.uses.add(used)
    this.all.uses.add(used)
    if (at.loading && !at.kept) this.onLoad.uses.add(used)
  }

  /** `object.member`, `object['member']` or, without a member, `object[key]`. */
  #access(object: ts.Node, member: string | undefined, key: ts.Node | undefined, at: At): void {
    const inner = withoutSkin(object)
    if (typescript().isIdentifier(inner)) {
      this.#follow(inner, at)
      this.#use(inner, member, at)
    } else this.visit(inner, at)
    if (key !== undefined) this.visit(key, at)
  }

  #call(node: ts.CallExpression | ts.NewExpression, at: At): void {
    const ts = typescript()
    this.#noteEffect(node, at)
    const callee = withoutSkin(node.expression)
    const isInvoked = ts.isFunctionExpression(callee) || ts.isArrowFunction(callee) || ts.isClassExpression(callee)
    this.visit(callee, { ...at, kept: false, handed: isInvoked ? at.loading : at.handed })
    // A package is taken to call what it is given only later, unless its name says otherwise.
    const isLater = !at.handed && this.#isOfPackage(callee, at.scope) && !callsAtOnce.test(lastName(callee))
    if (ts.isCallExpression(node)) this.#noteStageCall(node, at)
    this.visitAll(node.arguments ?? [], { ...at, handed: at.loading && !isLater, kept: isLater })
  }

  #isOfPackage(callee: ts.Node, scope: Scope | undefined): boolean {
    const ts = typescript()
    let root = callee
    while (ts.isPropertyAccessExpression(root) || ts.isCallExpression(root) || ts.isElementAccessExpression(root)) {
      root = withoutSkin(root.expression)
    }
    if (!ts.isIdentifier(root) || scopeOf(scope, root.text) !== undefined) return false
    const specifier = this.names.imported(root.text)?.specifier
    return specifier !== undefined && !isLocal(specifier)
  }

  #noteEffect(node: ts.Node, at: At): void {
    const lookup = { scope: at.scope, names: this.names }
    this.all.note(node, lookup)
    if (at.loading) this.onLoad.note(node, lookup)
  }

  #noteStageCall(call: ts.CallExpression, { scope }: At): void {
    const ts = typescript()
    const [name, options] = call.arguments.map(withoutSkin)
    if (name === undefined || options === undefined || !ts.isObjectLiteralExpression(options)) return
    // What is spread into it may bring a `run` of its own.
    if (options.properties.some((property) => ts.isSpreadAssignment(property))) return
    const run = options.properties.findLast(
      (property) => property.name !== undefined && 'text' in property.name && property.name.text === 'run',
    )
    if (run !== undefined) this.stageCalls.push({ call, run, scope })
  }

  #follow(node: ts.Node, at: At): void {
    this.#scope = at.scope
    const lead = leadOf(node, this.#lookup)
    if (lead === undefined) return
    const place = this.names.placeOf(node)
    if (this.names.isCovered(place.line)) return
    for (const load of lead.loads) this.loads.set(`${load.as} ${load.specifier}`, { ...load, ...place })
    if (lead.opaque !== undefined) this.opaque.push({ ...place, what: lead.opaque })
  }

  #function(node: ts.FunctionLikeDeclaration, at: At): void {
    const ts = typescript()
    const { name, body } = node
    // Decorators and a computed name belong to what is around.
    this.#aroundMember(node, at)
    const loading = at.loading && at.handed
    const own =
      ts.isFunctionExpression(node) && name !== undefined
        ? new Map([[(name as ts.Identifier).text, 'given' as const]])
        : new Map()
    const head = within(within(at.scope, own), parameterNames(node.parameters))
    const inHead = { scope: head, loading, handed: at.handed, kept: false }
    for (const parameter of node.parameters) {
      this.visitAll(ts.canHaveDecorators(parameter) ? (ts.getDecorators(parameter) ?? []) : [], at)
      this.#pattern(parameter.name, inHead)
      this.visitAll([parameter.initializer], inHead)
    }
    if (body === undefined) return
    if (!ts.isBlock(body)) return this.visit(withoutSkin(body), inHead)
    const scope = within(head, new Map([...hoistedNames(body), ...lexicalNames(body.statements)]))
    for (const statement of childrenOf(body)) this.visit(statement, { ...inHead, scope })
  }

  /** Default values and computed keys of a binding pattern. */
  #pattern(name: ts.BindingName, at: At): void {
    if (!typescript().isIdentifier(name)) this.visit(name, at)
  }

  #aroundMember(node: ts.Node, at: At): void {
    const ts = typescript()
    if (ts.canHaveDecorators(node)) this.visitAll(ts.getDecorators(node) ?? [], at)
    const { name } = node as { readonly name?: ts.Node }
    if (name !== undefined && ts.isComputedPropertyName(name)) this.visit(withoutSkin(name.expression), at)
  }

  #class(node: ts.ClassLikeDeclaration, at: At): void {
    const ts = typescript()
    const own = node.name === undefined ? new Map() : new Map([[node.name.text, 'given' as const]])
    // Within a declaration of the module its own name is the module's.
    const scope = ts.isClassExpression(node) ? within(at.scope, own) : at.scope
    const inner = { ...at, scope }
    if (ts.canHaveDecorators(node)) this.visitAll(ts.getDecorators(node) ?? [], at)
    for (const child of childrenOf(node)) {
      if (ts.isHeritageClause(child)) this.visitAll(childrenOf(child), inner)
      else if (ts.isClassStaticBlockDeclaration(child)) {
        const bound = new Map([...hoistedNames(child.body), ...lexicalNames(child.body.statements)])
        const inBlock = { ...inner, scope: within(scope, bound) }
        for (const statement of childrenOf(child.body)) this.visit(statement, inBlock)
      } else if (ts.isPropertyDeclaration(child)) {
        this.#aroundMember(child, inner)
        const isStatic = child.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.StaticKeyword) ?? false
        this.visitAll([child.initializer], { ...inner, loading: inner.loading && (isStatic || inner.handed) })
      } else if (ts.isClassElement(child)) this.visit(child, inner)
    }
  }

  /** The scope within a node that has one of its own. */
  #inside(node: ts.Node, at: At): At {
    const ts = typescript()
    const names = ts.isBlock(node)
      ? lexicalNames(node.statements)
      : ts.isModuleBlock(node)
        ? new Map([...hoistedNames(node), ...lexicalNames(node.statements)])
        : ts.isCaseBlock(node)
          ? lexicalNames(node.clauses.flatMap((clause) => [...clause.statements]))
          : ts.isForStatement(node)
            ? loopNames(node.initializer, false)
            : ts.isForOfStatement(node) || ts.isForInStatement(node)
              ? loopNames(node.initializer, true)
              : ts.isCatchClause(node) && node.variableDeclaration !== undefined
                ? parameterNames([node.variableDeclaration as unknown as ts.ParameterDeclaration])
                : ts.isEnumDeclaration(node)
                  ? new Map(node.members.flatMap(({ name }) => ('text' in name ? [[name.text, 'given' as const]] : [])))
                  : new Map()
    return names.size === 0 ? at : { ...at, scope: within(at.scope, names) }
  }
}

export interface CodeReading extends ReadCode {
  readonly stageCalls: readonly FoundStageCall[]
}

/**
 * Reads nodes that stand in `scope` (undefined: the module's own). `loading`: whether they run while the module loads.
 * Names that `scope` or one above it binds count as captured.
 */
export const readCode = (
  nodes: readonly ts.Node[],
  names: FileNames,
  options: { readonly scope?: Scope | undefined; readonly loading: boolean },
): CodeReading => {
  const walk = new CodeWalk(names, options.scope)
  walk.visitAll(nodes, { scope: options.scope, loading: options.loading, handed: false, kept: false })
  const { acts } = walk.onLoad
  return {
    uses: [...walk.uses].sort(),
    loads: [...walk.loads.values()],
    opaque: walk.opaque,
    effects: walk.all.effects(),
    ...(acts ? { onLoad: walk.onLoad.effects() } : {}),
    captures: walk.captures,
    stageCalls: walk.stageCalls,
  }
}
