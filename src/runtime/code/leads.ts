/**
 * Where code leads out of itself other than by an import: `import()`, `require`, threads, files beside it. A literal
 * name can be followed; what cannot is named.
 */
import type { ts } from 'ts-morph'
import { typescript, withoutSkin } from './typescript.js'

interface ImportedName {
  readonly specifier: string
  /** Name of the export, or `*` for all of them as one object. */
  readonly name: string
}

/** A module or another file that code loads by a literal name. */
interface Load {
  readonly specifier: string
  /** `file` is relative to the module (`new URL('./x.js', import.meta.url)`), `module` is resolved as an import is. */
  readonly as: 'module' | 'file'
}

/** How the walker sees names. */
export interface NameLookup {
  /** Whether no scope of the file binds the name. */
  readonly isGlobal: (name: string) => boolean
  /** The import behind a name of the module's scope. */
  readonly imported: (name: string) => ImportedName | undefined
  /** Whether the name of the module's scope is a `require` made by `createRequire(import.meta.url)`. */
  readonly isRequire: (name: string) => boolean
}

interface Lead {
  readonly loads: readonly Load[]
  readonly opaque?: string
  /** Whether the trace of a stage that is computed says what came of it. */
  readonly isTraced?: boolean
  /** Whether that may be a module, also one whose other exports the code names itself. */
  readonly loadsModules?: boolean
}

/** What only a trace can follow. */
const traced = (what: string): Lead => ({ loads: [], opaque: what, isTraced: true })
const tracedModules = (what: string): Lead => ({ ...traced(what), loadsModules: true })
/** What not even a trace can. */
const opaque = (what: string): Lead => ({ loads: [], opaque: what })
const follow = (as: Load['as'], specifiers: readonly string[]): Lead => ({
  loads: specifiers.map((specifier) => ({ specifier, as })),
})

/** The strings that an expression can be, where they are written out. */
const literalsOf = (node: ts.Node | undefined): readonly string[] | undefined => {
  const ts = typescript()
  if (node === undefined) return undefined
  const value = withoutSkin(node)
  if (ts.isStringLiteralLike(value)) return [value.text]
  if (!ts.isConditionalExpression(value)) return undefined
  const [yes, no] = [literalsOf(value.whenTrue), literalsOf(value.whenFalse)]
  return yes === undefined || no === undefined ? undefined : [...yes, ...no]
}

const followOr = (as: Load['as'], specifier: ts.Node | undefined, what: string): Lead => {
  const literals = literalsOf(specifier)
  if (literals !== undefined) return follow(as, literals)
  return as === 'module' ? tracedModules(what) : traced(what)
}

const isMeta = (node: ts.Node | undefined, property: string): boolean => {
  const ts = typescript()
  if (node === undefined) return false
  const value = withoutSkin(node)
  return ts.isPropertyAccessExpression(value) && ts.isMetaProperty(value.expression) && value.name.text === property
}

const textOf = (node: ts.Node): string | undefined => (typescript().isIdentifier(node) ? node.text : undefined)

const moduleOf = (name: string, names: NameLookup): string | undefined =>
  names.imported(name)?.specifier.replace(/^node:/, '')

/** `createRequire`, under whatever name it was imported. */
const isCreateRequire = (node: ts.Node, names: NameLookup): boolean => {
  const ts = typescript()
  const callee = withoutSkin(node)
  if (ts.isPropertyAccessExpression(callee)) {
    const root = textOf(withoutSkin(callee.expression))
    return callee.name.text === 'createRequire' && root !== undefined && moduleOf(root, names) === 'module'
  }
  const name = textOf(callee)
  return name !== undefined && moduleOf(name, names) === 'module' && names.imported(name)?.name === 'createRequire'
}

/** `createRequire(import.meta.url)`. */
export const makesRequire = (node: ts.Node, names: NameLookup): boolean => {
  const value = withoutSkin(node)
  return (
    typescript().isCallExpression(value) &&
    isMeta(value.arguments[0], 'url') &&
    isCreateRequire(value.expression, names)
  )
}

/** Whether what a call gives is called at once, or has a name that only its own file knows. */
const isKept = (call: ts.CallExpression): boolean => {
  const ts = typescript()
  let { parent } = call
  while (withoutSkin(parent) === call) ({ parent } = parent)
  if (ts.isCallExpression(parent)) return withoutSkin(parent.expression) === call
  if (ts.isPropertyAccessExpression(parent)) return true
  if (!ts.isVariableDeclaration(parent) || !ts.isIdentifier(parent.name)) return false
  const statement = parent.parent.parent
  const isExported = ts.isVariableStatement(statement) && statement.modifiers !== undefined
  const named = new RegExp(`export\\s*\\{[^}]*(?<![\\w$])${parent.name.text.replaceAll('$', '\\$')}(?![\\w$])`)
  return !isExported && !named.test(call.getSourceFile().text)
}

const isRequireFunction = (node: ts.Node, names: NameLookup): boolean => {
  const ts = typescript()
  const value = withoutSkin(node)
  if (ts.isPropertyAccessExpression(value)) {
    return (
      value.name.text === 'require' && textOf(withoutSkin(value.expression)) === 'module' && names.isGlobal('module')
    )
  }
  const name = textOf(value)
  if (name !== undefined)
    return name === 'require' ? names.isGlobal(name) || names.isRequire(name) : names.isRequire(name)
  return makesRequire(value, names)
}

/** Modules of Node's that run what they are told. */
const runners: Readonly<Record<string, string>> = {
  vm: 'code that node:vm compiles',
  child_process: 'another program, started by node:child_process',
  cluster: 'other processes, started by node:cluster',
}
/** Of node:module, what loads nothing. */
const harmlessOfModule = new Set(['createRequire', 'findSourceMap', 'SourceMap', 'builtinModules', 'isBuiltin'])

const callLead = (node: ts.CallExpression, names: NameLookup): Lead | undefined => {
  const ts = typescript()
  const callee = withoutSkin(node.expression)
  const [first] = node.arguments
  if (callee.kind === ts.SyntaxKind.ImportKeyword) return followOr('module', first, 'import() of a computed name')
  if (isCreateRequire(callee, names) && !isMeta(first, 'url')) return tracedModules('createRequire() of another place')
  if (makesRequire(node, names) && !isKept(node)) return tracedModules('require, handed on')
  if (isRequireFunction(callee, names)) return followOr('module', first, 'require() of a computed name')
  if (ts.isPropertyAccessExpression(callee)) {
    const { name, expression } = callee
    if (name.text === 'resolve' && isRequireFunction(expression, names)) {
      return followOr('module', first, 'require.resolve() of a computed name')
    }
    if (isMeta(callee, 'resolve')) return followOr('module', first, 'import.meta.resolve() of a computed name')
    if (
      textOf(withoutSkin(expression)) === 'process' &&
      names.isGlobal('process') &&
      ['dlopen', 'binding', 'getBuiltinModule'].includes(name.text)
    ) {
      return tracedModules(`process.${name.text}()`)
    }
    return undefined
  }
  const name = textOf(callee)
  if (name === undefined || !names.isGlobal(name)) return undefined
  if (name === 'Function') return opaque('Function() of a text')
  if (['setTimeout', 'setInterval'].includes(name) && literalsOf(first) !== undefined)
    return opaque(`${name}() of a text`)
  return undefined
}

const newLead = (node: ts.NewExpression, names: NameLookup): Lead | undefined => {
  const name = textOf(withoutSkin(node.expression))
  const [first, second] = node.arguments ?? []
  if (name === undefined) return undefined
  if (name === 'Function' && names.isGlobal(name)) return opaque('new Function()')
  if (name === 'URL' && isMeta(second, 'url')) {
    return followOr('file', first, 'a file of a computed name, beside the module')
  }
  if (name === 'Worker' && (names.isGlobal(name) || moduleOf(name, names) === 'worker_threads')) {
    return first !== undefined && isFileUrl(first) ? undefined : traced('a thread of a computed name')
  }
  return undefined
}

/** `new URL('./x.js', import.meta.url)`. */
const isFileUrl = (node: ts.Node): boolean => {
  const ts = typescript()
  const value = withoutSkin(node)
  return ts.isNewExpression(value) && textOf(value.expression) === 'URL' && isMeta(value.arguments?.[1], 'url')
}

/** A value that says where the module lies, from which paths to anything can be made. */
const ownPlaces = ['url', 'dirname', 'filename']

const metaLead = (node: ts.PropertyAccessExpression): Lead | undefined => {
  const ts = typescript()
  const place = ownPlaces.find((property) => isMeta(node, property))
  if (place === undefined) return undefined
  let above = node.parent
  while (withoutSkin(above) === node) above = above.parent
  if (place === 'url') {
    // What these make of it is a lead of its own.
    if (ts.isNewExpression(above) && textOf(above.expression) === 'URL' && above.arguments?.[1] !== undefined)
      return undefined
    if (ts.isCallExpression(above) && /(^|\.)createRequire$/.test(above.expression.getText())) return undefined
    // A look at the name leads nowhere.
    if (ts.isPropertyAccessExpression(above) && /^(ends|starts)With$/.test(above.name.text)) return undefined
  }
  return pathLead(above, node) ?? traced(`a path made from import.meta.${place}`)
}

/** `join(import.meta.dirname, 'a', 'b.json')`: a file beside the module after all. */
const pathLead = (call: ts.Node, base: ts.Node): Lead | undefined => {
  const ts = typescript()
  if (!ts.isCallExpression(call) || withoutSkin(call.arguments[0] ?? call) !== base) return undefined
  if (!/^(path\.|posix\.)?(join|resolve)$/.test(call.expression.getText())) return undefined
  const parts = call.arguments.slice(1).map((part) => literalsOf(part))
  if (parts.length === 0 || parts.some((part) => part?.length !== 1 || part[0]!.startsWith('/'))) return undefined
  return follow('file', [`./${parts.map((part) => part![0]).join('/')}`])
}

const nameLead = (node: ts.Identifier, names: NameLookup): Lead | undefined => {
  const ts = typescript()
  const { text, parent } = node
  const isHandedOn =
    (names.isRequire(text) || (text === 'require' && names.isGlobal(text))) &&
    !(ts.isCallExpression(parent) && parent.expression === node) &&
    !ts.isPropertyAccessExpression(parent) &&
    !ts.isTypeOfExpression(parent)
  if (isHandedOn) return tracedModules('require, handed on')
  if (names.isGlobal(text)) {
    if (text === 'eval') return opaque('eval')
    if (text === '__dirname') return pathLead(parent, node) ?? traced('a path made from __dirname')
    if (text === '__filename') return traced('a path made from __filename')
    return undefined
  }
  const module = moduleOf(text, names)
  if (module === undefined) return undefined
  const runner = runners[module]
  if (runner !== undefined) return traced(runner)
  if (module !== 'module') return undefined
  const { name } = names.imported(text)!
  const member = ts.isPropertyAccessExpression(parent) && parent.expression === node ? parent.name.text : undefined
  const used = name === '*' || name === 'default' ? member : name
  return used !== undefined && harmlessOfModule.has(used) ? undefined : opaque('a loader of node:module')
}

/** What a node leads to by itself; undefined for nearly all. */
export const leadOf = (node: ts.Node, names: NameLookup): Lead | undefined => {
  const ts = typescript()
  if (ts.isCallExpression(node)) return callLead(node, names)
  if (ts.isNewExpression(node)) return newLead(node, names)
  if (ts.isIdentifier(node)) return nameLead(node, names)
  if (!ts.isPropertyAccessExpression(node)) return undefined
  const root = textOf(withoutSkin(node.expression))
  if (root === 'globalThis' && names.isGlobal(root) && ['eval', 'Function'].includes(node.name.text)) {
    return opaque(`globalThis.${node.name.text}`)
  }
  return metaLead(node)
}
