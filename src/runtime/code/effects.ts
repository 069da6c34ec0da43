/** What code may change that others see: names of the module, objects that it was given, the world outside. */
import type { ts } from 'ts-morph'
import { withoutSkin } from './erase.js'
import type { Effects, ImportedName } from './file-code.js'
import { scopeOf, type Scope } from './scope.js'
import { isLocal } from './resolve-import.js'
import { typescript } from './typescript.js'

interface Lookup {
  readonly scope: Scope | undefined
  readonly names: {
    readonly isOwn: (name: string) => boolean
    readonly imported: (name: string) => ImportedName | undefined
  }
}

/** Methods that leave what they are called on as it is. */
const harmlessMethods = new Set(
  `at bind charCodeAt codePointAt concat endsWith entries every exec filter find findIndex findLast findLastIndex flat
  flatMap forEach get has includes indexOf join keys lastIndexOf map match matchAll normalize padEnd padStart pipe
  reduce reduceRight repeat replace replaceAll slice some split startsWith subarray substring test toFixed toLowerCase
  toSorted toSpliced toString toUpperCase trim trimEnd trimStart values with`.split(/\s+/),
)

/** Functions of packages and globals that change what they are given first, by their names. */
const changesFirst = /^(assign|defaults|define|extend|merge|mixin)|^set(PrototypeOf)?$|^deleteProperty$/
/** And those that change something of their own, of which others may hear. */
const changesOwn = /^(un)?(register|install|configure|enable|disable|patch)|^set[A-Z]/

const isAssignment = (kind: ts.SyntaxKind): boolean => {
  const { SyntaxKind } = typescript()
  return kind >= SyntaxKind.FirstAssignment && kind <= SyntaxKind.LastAssignment
}

/** The places that an assignment writes to: several of a pattern. */
const targetsOf = (node: ts.Node): readonly ts.Node[] => {
  const ts = typescript()
  const target = withoutSkin(node)
  if (ts.isArrayLiteralExpression(target)) return target.elements.flatMap(targetsOf)
  if (ts.isSpreadElement(target) || ts.isSpreadAssignment(target)) return targetsOf(target.expression)
  if (ts.isBinaryExpression(target)) return targetsOf(target.left)
  if (ts.isObjectLiteralExpression(target)) {
    return target.properties.flatMap((property) =>
      ts.isPropertyAssignment(property)
        ? targetsOf(property.initializer)
        : ts.isShorthandPropertyAssignment(property)
          ? [property.name]
          : ts.isSpreadAssignment(property)
            ? targetsOf(property)
            : [],
    )
  }
  return [target]
}

export class EffectsReader {
  readonly uses = new Set<string>()
  readonly #writes = new Set<string>()
  #world = false
  #alters = false
  /** Whether it does anything but define. */
  acts = false

  effects(): Effects {
    return {
      uses: [...this.uses].sort(),
      writes: [...this.#writes].sort(),
      world: this.#world,
      alters: this.#alters,
    }
  }

  note(node: ts.Node, lookup: Lookup): void {
    const ts = typescript()
    if (ts.isBinaryExpression(node) && isAssignment(node.operatorToken.kind)) {
      this.#assign(node.left, lookup)
    } else if (ts.isPrefixUnaryExpression(node) || ts.isPostfixUnaryExpression(node)) {
      const { PlusPlusToken, MinusMinusToken } = ts.SyntaxKind
      if (node.operator === PlusPlusToken || node.operator === MinusMinusToken) this.#assign(node.operand, lookup)
    } else if (ts.isDeleteExpression(node)) this.#assign(node.expression, lookup)
    else if (
      (ts.isForOfStatement(node) || ts.isForInStatement(node)) &&
      !ts.isVariableDeclarationList(node.initializer)
    ) {
      this.#assign(node.initializer, lookup)
    } else if (ts.isCallExpression(node) || ts.isNewExpression(node)) this.#call(node, lookup)
    else if (
      ts.isTaggedTemplateExpression(node) ||
      ts.isAwaitExpression(node) ||
      ts.isYieldExpression(node) ||
      ts.isDecorator(node) ||
      ts.isThrowStatement(node)
    ) {
      this.acts = true
    }
  }

  #assign(left: ts.Node, lookup: Lookup): void {
    this.acts = true
    for (const target of targetsOf(left)) this.#write(target, lookup)
  }

  /** Something of what `target` names is written: the variable itself, or a property however deep. */
  #write(target: ts.Node, { scope, names }: Lookup): void {
    const ts = typescript()
    let root = target
    let depth = 0
    while (ts.isPropertyAccessExpression(root) || ts.isElementAccessExpression(root)) {
      root = withoutSkin(root.expression)
      depth += 1
    }
    if (ts.isCallExpression(root) || ts.isAwaitExpression(root)) {
      // What a package makes is its own; a function of the program may give what others hold.
      if (!this.#isMadeByForeign(root, { scope, names })) this.#alters = true
      return
    }
    if (!ts.isIdentifier(root)) return
    const bound = scopeOf(scope, root.text)
    if (bound !== undefined) {
      if (depth > 0 && bound.names.get(root.text) === 'given') this.#alters = true
    } else if (!names.isOwn(root.text)) this.#world = true
    else {
      const specifier = names.imported(root.text)?.specifier
      if (specifier !== undefined && !isLocal(specifier)) this.#world = true
      this.#writes.add(root.text)
    }
  }

  #call(node: ts.CallExpression | ts.NewExpression, lookup: Lookup): void {
    const ts = typescript()
    this.acts = true
    const callee = withoutSkin(node.expression)
    if (ts.isIdentifier(callee)) {
      if (this.#isForeign(callee, lookup)) this.#change(node, callee.text, lookup)
      return
    }
    if (!ts.isPropertyAccessExpression(callee) && !ts.isElementAccessExpression(callee)) return
    let root: ts.Node = callee
    while (ts.isPropertyAccessExpression(root) || ts.isElementAccessExpression(root))
      root = withoutSkin(root.expression)
    const method = ts.isPropertyAccessExpression(callee) ? callee.name.text : ''
    const isForeign = ts.isIdentifier(root) && this.#isForeign(root, lookup)
    if (isForeign) this.#change(node, method, lookup)
    else if (!harmlessMethods.has(method)) this.#write(withoutSkin(callee.expression), { ...lookup })
    // `V.push()` with V a local that was given: a write one level down.
    if (ts.isIdentifier(root) && !isForeign && !harmlessMethods.has(method)) {
      if (scopeOf(lookup.scope, root.text)?.names.get(root.text) === 'given') this.#alters = true
    }
  }

  /** A function of a package or a global may change its first argument, or something of its own. */
  #change(node: ts.CallExpression | ts.NewExpression, called: string, lookup: Lookup): void {
    const ts = typescript()
    const callee = withoutSkin(node.expression)
    const ofLanguage = ts.isPropertyAccessExpression(callee) && /^(Object|Reflect)$/.test(callee.expression.getText())
    if (changesOwn.test(called) && !ofLanguage) this.#world = true
    const [first] = node.arguments ?? []
    if (first === undefined || !(changesFirst.test(called) || (ofLanguage && changesOwn.test(called)))) return
    const target = withoutSkin(first)
    const bound = ts.isIdentifier(target) ? scopeOf(lookup.scope, target.text) : undefined
    if (ts.isIdentifier(target) && bound?.names.get(target.text) === 'given') this.#alters = true
    else if (bound === undefined) this.#write(target, lookup)
  }

  #isMadeByForeign(call: ts.Node, lookup: Lookup): boolean {
    const ts = typescript()
    let root = call
    while (
      ts.isCallExpression(root) ||
      ts.isAwaitExpression(root) ||
      ts.isPropertyAccessExpression(root) ||
      ts.isElementAccessExpression(root)
    ) {
      root = withoutSkin(root.expression)
    }
    return ts.isIdentifier(root) && this.#isForeign(root, lookup)
  }

  /** A package's name, or a global: what it does to itself cannot be seen. */
  #isForeign(root: ts.Identifier, { scope, names }: Lookup): boolean {
    if (scopeOf(scope, root.text) !== undefined) return false
    if (!names.isOwn(root.text)) return true
    const specifier = names.imported(root.text)?.specifier
    return specifier !== undefined && !isLocal(specifier)
  }
}
