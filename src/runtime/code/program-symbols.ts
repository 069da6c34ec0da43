/** A flat program → its symbols: declarations and what acts on load, each with a hash, a place and the way to it. */
import * as fs from 'node:fs'
import type { ts } from 'ts-morph'
import { hashOf } from '../canonical.js'
import {
  loadersOf,
  type CodePlace,
  type CodeRecord,
  type CodeSymbol,
  type NameUse,
  type Opaque,
} from './code-record.js'
import { entryName, type FlatProgram } from './flat-program.js'
import { anyModule, isCode, opaqueMark, spaces } from './literal-files.js'
import { boundNames, isReference, typescript } from './typescript.js'

/** What the statements of a module are called together: no declaration can be called so. */
const moduleCode = 'module code'

const contents = 'contents'

/** A top-level name of the flat program, or of one CommonJS module. */
interface Meaning {
  /** Key of a symbol, or the export of a package. */
  readonly key: string
  /** For people. */
  readonly name: string
}

interface Piece {
  readonly label: string
  readonly name: string
  readonly node: ts.Node
  /** Names of the module around it that are not the flat program's. */
  readonly scope: ReadonlyMap<string, Meaning>
  /** Whether its evaluation may do something, or read what others do. */
  readonly acts: boolean
}

interface Options {
  /** Label → absolute path. */
  readonly files: ReadonlyMap<string, string>
  /** Line of a rewritten file → line of the file. */
  readonly lineOf: (label: string, line: number) => number
  /** Behind the name of the entry, what tells stages apart that begin with the same code. */
  readonly which: string
}

const keyOf = (label: string, name: string): string => `${label}:${name}`

/** Whether evaluating it neither does anything nor reads what something else may have changed. */
const isInert = (node: ts.Node | undefined): boolean => {
  const ts = typescript()
  // Annotations of the user's are gone by now.
  if (node !== undefined && node.getFullText().trimStart().startsWith('/* @__PURE__ */')) return true
  if (node === undefined || ts.isFunctionLike(node) || ts.isStringLiteralLike(node)) return true
  if (ts.isNumericLiteral(node) || ts.isBigIntLiteral(node) || ts.isRegularExpressionLiteral(node)) return true
  const { TrueKeyword, FalseKeyword, NullKeyword } = ts.SyntaxKind
  if ([TrueKeyword, FalseKeyword, NullKeyword].includes(node.kind)) return true
  if (ts.isPrefixUnaryExpression(node)) return isInert(node.operand) && !ts.isIdentifier(node.operand)
  if (ts.isVoidExpression(node)) return isInert(node.expression)
  if (ts.isArrayLiteralExpression(node)) return node.elements.every((each) => isInert(each))
  if (ts.isObjectLiteralExpression(node)) {
    return node.properties.every(
      (each) =>
        (each.name === undefined || !ts.isComputedPropertyName(each.name)) &&
        (ts.isMethodDeclaration(each) || (ts.isPropertyAssignment(each) && isInert(each.initializer))),
    )
  }
  if (!ts.isClassLike(node) || node.heritageClauses !== undefined) return false
  const isDecorated = (each: ts.Node): boolean => ts.canHaveDecorators(each) && ts.getDecorators(each) !== undefined
  if ([node, ...node.members].some(isDecorated)) return false
  return node.members.every((member) => {
    const isStatic =
      ts.canHaveModifiers(member) && ts.getModifiers(member)?.some((each) => each.kind === ts.SyntaxKind.StaticKeyword)
    const isComputed = member.name !== undefined && ts.isComputedPropertyName(member.name)
    return (
      !ts.isClassStaticBlockDeclaration(member) && !isComputed && (isStatic !== true || ts.isMethodDeclaration(member))
    )
  })
}

interface Written {
  /** With every name of the flat program given by what it means. */
  readonly text: string
  /** With such names left out. */
  readonly syntax: string
  readonly uses: readonly Meaning[]
  readonly opaque: readonly (Opaque & { readonly label: string })[]
}

/** Wrapper that esbuild puts around a module that is loaded later, and its body. */
const wrapped = (
  statement: ts.Statement,
): { readonly kind: string; readonly body: ts.FunctionLikeDeclaration } | undefined => {
  const ts = typescript()
  if (!ts.isVariableStatement(statement)) return undefined
  const call = statement.declarationList.declarations[0]?.initializer
  if (call === undefined || !ts.isCallExpression(call) || !ts.isIdentifier(call.expression)) return undefined
  const kind = call.expression.text
  const [of] = call.arguments
  if (!/^__(esm|commonJS)/.test(kind) || of === undefined || !ts.isObjectLiteralExpression(of)) return undefined
  const body = of.properties[0]
  return body !== undefined && ts.isMethodDeclaration(body) ? { kind, body } : undefined
}

class Symbols {
  readonly #flat: FlatProgram
  readonly #options: Options
  readonly #source: ts.SourceFile
  readonly #texts = new Map<string, readonly string[]>()
  /** Names of the flat program. */
  readonly #names = new Map<string, Meaning>()
  readonly #pieces: Piece[] = []
  readonly #missing = new Map<string, string>()
  readonly #entry: string[] = []
  readonly #opaque: (Opaque & { readonly file: string })[] = []

  constructor(flat: FlatProgram, options: Options) {
    const ts = typescript()
    this.#flat = flat
    this.#options = options
    this.#source = ts.createSourceFile('flat.js', flat.text, ts.ScriptTarget.Latest, true, ts.ScriptKind.JS)
  }

  record(): CodeRecord {
    const segments = this.#segments()
    for (const { label, space, statement } of segments) this.#declare(label, space, statement)
    for (const { label, space, statement } of segments) this.#collect(label, space, statement)
    return this.#finish()
  }

  /** Statements, each with the file that it comes from. What esbuild brings itself comes before the first. */
  #segments(): readonly { readonly label: string; readonly space: string; readonly statement: ts.Statement }[] {
    const ts = typescript()
    const { text } = this.#source
    let at: { readonly label: string; readonly space: string } | undefined
    return this.#source.statements.flatMap((statement) => {
      for (const { pos, end } of ts.getLeadingCommentRanges(text, statement.getFullStart()) ?? []) {
        const [, space = '', label] = /^\/\/ (?:(code|bytes):)?(.*)$/.exec(text.slice(pos, end)) ?? []
        if (label !== undefined) at = { label, space }
      }
      return at === undefined ? [] : [{ ...at, statement }]
    })
  }

  #lines(label: string): readonly string[] {
    const known = this.#texts.get(label)
    if (known !== undefined) return known
    const file = this.#options.files.get(label)
    const lines = file === undefined || !fs.existsSync(file) ? [] : fs.readFileSync(file, 'utf8').split('\n')
    this.#texts.set(label, lines)
    return lines
  }

  #place(label: string, node: ts.Node): CodePlace {
    const { line, character } = this.#source.getLineAndCharacterOfPosition(node.getStart(this.#source))
    const found = this.#flat.map.findEntry(line, character)
    if (!('originalLine' in found)) return { line: 1, column: 1 }
    return { line: this.#options.lineOf(label, found.originalLine + 1), column: found.originalColumn + 1 }
  }

  /** The name that a declaration has in its file: of two of one name the flat program numbers one. */
  #ownName(label: string, node: ts.Identifier): string {
    const { text } = node
    if (text.startsWith(entryName)) {
      const number = Number(text.slice(entryName.length))
      return number === 0 ? 'run()' : `run() ${number}`
    }
    const code = this.#flat.code.get(label) ?? ''
    const isWritten = (name: string): boolean =>
      new RegExp(`(^|[^\\w$])${name.replaceAll('$', '\\$')}([^\\w$]|$)`).test(code)
    const plain = text.replace(/\d+$/, '')
    if (plain.endsWith('_default') && !isWritten(text)) return '*default*'
    if (plain.endsWith('_exports') && !isWritten(text)) return '*'
    return plain === text || isWritten(text) || !isWritten(plain) ? text : plain
  }

  #declare(label: string, space: string, statement: ts.Statement): void {
    const ts = typescript()
    if (space === '') return
    if (ts.isImportDeclaration(statement)) return this.#declareImport(label, statement)
    const add = (names: readonly ts.Identifier[]): void => {
      const own = names.map((each) => this.#ownName(label, each))
      const whole = this.#isData(label, space) ? contents : own.join(', ')
      for (const [index, { text }] of names.entries()) {
        this.#names.set(text, { key: keyOf(label, whole), name: own[index]! })
      }
    }
    if (wrapped(statement) !== undefined) {
      const [{ name }] = (statement as ts.VariableStatement).declarationList.declarations as unknown as [
        { name: ts.Identifier },
      ]
      const whole = this.#isData(label, space) ? contents : moduleCode
      this.#names.set(name.text, { key: keyOf(label, whole), name: whole })
    } else if (ts.isVariableStatement(statement)) {
      for (const { name } of statement.declarationList.declarations) add(boundNames(name))
    } else if ((ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement)) && statement.name) {
      add([statement.name])
    }
  }

  #declareImport(label: string, { importClause, moduleSpecifier }: ts.ImportDeclaration): void {
    const ts = typescript()
    const specifier = (moduleSpecifier as ts.StringLiteral).text
    if (specifier.startsWith('missing ')) this.#missing.set(specifier, this.#missing.get(specifier) ?? label)
    const add = (local: ts.Identifier, name: string): void => {
      this.#names.set(local.text, { key: `${specifier}#${name}`, name: name === '*' ? local.text : name })
    }
    const { name, namedBindings } = importClause ?? {}
    if (name !== undefined) add(name, 'default')
    if (namedBindings === undefined) return
    if (ts.isNamespaceImport(namedBindings)) add(namedBindings.name, '*')
    else for (const each of namedBindings.elements) add(each.name, (each.propertyName ?? each.name).text)
  }

  /** Whether a file counts as a whole, by what it holds. */
  #isData(label: string, space: string): boolean {
    return space === spaces.bytes || !isCode(this.#options.files.get(label) ?? 'entry.js')
  }

  #collect(label: string, space: string, statement: ts.Statement): void {
    const ts = typescript()
    if (space === '') {
      if (!ts.isExportDeclaration(statement) && !ts.isImportDeclaration(statement)) {
        for (const { key } of this.#write(label, [statement], new Map()).uses) this.#entry.push(key)
      }
      return
    }
    if (ts.isExportDeclaration(statement)) return
    const none = new Map<string, Meaning>()
    if (this.#isData(label, space)) {
      this.#pieces.push({ label, name: contents, node: statement, scope: none, acts: false })
      return
    }
    const wrapper = wrapped(statement)
    if (wrapper === undefined) return this.#collectPlain(label, statement, none)
    const body = (wrapper.body.body as ts.Block).statements
    if (wrapper.kind.startsWith('__esm')) {
      for (const each of body) this.#collectPlain(label, each, none)
      return
    }
    const scope = new Map<string, Meaning>()
    for (const each of body) {
      const names = ts.isVariableStatement(each)
        ? each.declarationList.declarations.flatMap(({ name }) => boundNames(name))
        : (ts.isFunctionDeclaration(each) || ts.isClassDeclaration(each)) && each.name !== undefined
          ? [each.name]
          : []
      const whole = names.map(({ text }) => text).join(', ')
      for (const { text } of names) scope.set(text, { key: keyOf(label, whole), name: text })
    }
    for (const each of body) this.#collectPlain(label, each, scope)
  }

  #collectPlain(label: string, statement: ts.Statement, scope: Piece['scope']): void {
    const ts = typescript()
    const add = (name: string, node: ts.Node, acts: boolean): void => {
      this.#pieces.push({ label, name, node, scope, acts })
    }
    const nameOf = (names: readonly ts.Identifier[]): string => {
      const [first] = names
      const meaning = first === undefined ? undefined : (scope.get(first.text) ?? this.#names.get(first.text))
      return meaning === undefined ? moduleCode : meaning.key.slice(label.length + 1)
    }
    if (ts.isVariableStatement(statement)) {
      for (const each of statement.declarationList.declarations) {
        // Declared for a module that is loaded later, which assigns it.
        if (each.initializer === undefined && ts.isIdentifier(each.name)) continue
        add(nameOf(boundNames(each.name)), each, !ts.isIdentifier(each.name) || !isInert(each.initializer))
      }
    } else if (ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement)) {
      add(statement.name === undefined ? moduleCode : nameOf([statement.name]), statement, !isInert(statement))
    } else {
      const assigned = this.#assigned(statement)
      const exported = this.#exported(statement)
      if (assigned !== undefined) add(nameOf([assigned.name]), assigned.value, !isInert(assigned.value))
      else if (exported !== undefined) add(nameOf([exported]), statement, false)
      else if (!ts.isImportDeclaration(statement)) add(moduleCode, statement, true)
      else if (statement.importClause === undefined) add(moduleCode, statement, true)
    }
  }

  /** `name = value` of a name of the flat program, within a module that is loaded later. */
  #assigned(statement: ts.Statement): { readonly name: ts.Identifier; readonly value: ts.Node } | undefined {
    const ts = typescript()
    if (statement.parent === this.#source || !ts.isExpressionStatement(statement)) return undefined
    const { expression } = statement
    if (!ts.isBinaryExpression(expression) || expression.operatorToken.kind !== ts.SyntaxKind.EqualsToken)
      return undefined
    const { left, right } = expression
    return ts.isIdentifier(left) && this.#names.has(left.text) ? { name: left, value: right } : undefined
  }

  /** `__export(a_exports, { … })`: what a namespace holds. */
  #exported(statement: ts.Statement): ts.Identifier | undefined {
    const ts = typescript()
    if (!ts.isExpressionStatement(statement) || !ts.isCallExpression(statement.expression)) return undefined
    const { expression, arguments: given } = statement.expression
    const [first] = given
    return ts.isIdentifier(expression) &&
      /^__(export|reExport)$/.test(expression.text) &&
      first !== undefined &&
      ts.isIdentifier(first)
      ? first
      : undefined
  }

  #write(
    label: string,
    nodes: readonly ts.Node[],
    scope: Piece['scope'],
    without: ReadonlySet<ts.Node> = new Set(),
  ): Written {
    const ts = typescript()
    const uses = new Map<string, Meaning>()
    const opaque: (Opaque & { readonly label: string })[] = []
    let text = ''
    let syntax = ''
    const put = (part: string): void => {
      text += part
      syntax += part
    }
    const all = this.#source.text
    const name = (node: ts.Identifier): void => {
      const meaning = scope.get(node.text) ?? this.#names.get(node.text)
      if (meaning === undefined || !isReference(node)) return put(node.text)
      uses.set(meaning.key, meaning)
      if (ts.isShorthandPropertyAssignment(node.parent)) put(`${node.text}: `)
      text += `‹${meaning.key}›`
      syntax += '‹›'
    }
    // A list is written on one line or on several as its source was: only what stands between its parts counts.
    const between = (from: number, to: number): string =>
      `${all.slice(from, to).replace(/\/\*[^]*?\*\/|\/\/[^\n]*|\s+/g, '')}\0`
    const children = (node: ts.Node, from: number): void => {
      let at = from
      ts.forEachChild(node, (child) => {
        put(between(at, child.getStart(this.#source)))
        write(child)
        at = child.end
      })
      put(node.kind <= ts.SyntaxKind.LastToken ? this.#token(node) : between(at, node.end))
    }
    const write = (node: ts.Node): void => {
      const start = node.getStart(this.#source)
      if (without.has(node)) return
      if (ts.isIdentifier(node)) return name(node)
      // Brackets that hold a comment bind nothing else.
      const isAroundComment = ts.isParenthesizedExpression(node) && /^\(\s*\/[/*]/.test(all.slice(start, node.end))
      if (isAroundComment) return write(node.expression)
      if (ts.isCallExpression(node) && ts.isIdentifier(node.expression) && node.expression.text === opaqueMark) {
        const [what, line, column] = node.arguments.map((each) => each.getText(this.#source))
        const said = JSON.parse(what!) as string
        if (said !== anyModule)
          opaque.push({ label, what: said, line: this.#options.lineOf(label, Number(line)), column: Number(column) })
        return put(`‹opaque ${said}›`)
      }
      if (ts.isVariableDeclarationList(node) && node.parent.parent !== this.#source) {
        const keyword = /^\w+/.exec(all.slice(start, node.end))![0]
        // Nothing assigns a constant: such a program would not have been put together.
        const written = keyword === 'const' ? 'let' : keyword
        const isStatement = ts.isVariableStatement(node.parent)
        node.declarations.forEach((each, index) => {
          put(index === 0 || isStatement ? `${index === 0 ? '' : ';'}${written} ` : ',')
          write(each)
        })
        return
      }
      children(node, start)
    }
    nodes.forEach((node, index) => {
      if (index > 0) put('\n')
      write(node)
    })
    return { text, syntax, uses: [...uses.values()], opaque }
  }

  /** A literal in one way of writing it. */
  #token(node: ts.Node): string {
    const ts = typescript()
    const text = node.getText(this.#source)
    if (ts.isBigIntLiteral(node)) return `${BigInt(text.slice(0, -1))}n`
    if (!ts.isRegularExpressionLiteral(node)) return text
    const end = text.lastIndexOf('/') + 1
    return `${text.slice(0, end)}${text.slice(end).split('').sort().join('')}`
  }

  /** Members of a class that count for themselves, by the names that people use. */
  #membersOf(piece: Piece): readonly { readonly name: string; readonly nodes: ts.Node[] }[] {
    const ts = typescript()
    const { initializer = piece.node } = piece.node as { readonly initializer?: ts.Node }
    if (!ts.isClassLike(initializer)) return []
    const members = new Map<string, ts.Node[]>()
    for (const member of initializer.members) {
      const { name } = member
      if (name === undefined && !ts.isConstructorDeclaration(member)) continue
      if (name !== undefined && ts.isComputedPropertyName(name)) continue
      const called = name === undefined ? 'constructor' : name.getText(this.#source)
      members.set(called, [...(members.get(called) ?? []), member])
    }
    return [...members].map(([name, nodes]) => ({ name, nodes }))
  }

  #finish(): CodeRecord {
    const groups = new Map<string, Piece[]>()
    for (const piece of this.#pieces) {
      const key = keyOf(piece.label, piece.name)
      groups.set(key, [...(groups.get(key) ?? []), piece])
    }
    const uses = new Map<string, readonly Meaning[]>()
    const symbols = new Map<string, Omit<CodeSymbol, 'through'>>()
    const add = (
      key: string,
      { label, scope }: Piece,
      name: string,
      nodes: readonly ts.Node[],
      without: ReadonlySet<ts.Node>,
      more: string,
    ): void => {
      const written = this.#write(label, nodes, scope, without)
      for (const { label: file, ...each } of written.opaque) this.#opaque.push({ ...each, file })
      const means = written.uses.filter((each) => each.key !== key)
      uses.set(key, [...(uses.get(key) ?? []), ...means])
      symbols.set(key, {
        file: label,
        name: name.replace(/^run\(\).*$/, 'run'),
        ...this.#place(label, nodes[0]!),
        hash: hashOf(`${more}${written.text}`),
        syntax: hashOf(`${more}${written.syntax}`).slice(0, 16),
        uses: this.#usesOf(label, means),
      })
    }
    for (const [key, pieces] of groups) {
      const [first] = pieces as [Piece, ...Piece[]]
      const members = pieces.length === 1 ? this.#membersOf(first) : []
      const inner = new Set(members.flatMap(({ nodes }) => nodes))
      // Fields are made, decorators called and keys listed in their order.
      const order = members.map(({ name }) => name)
      add(
        key,
        first,
        first.name,
        pieces.map(({ node }) => node),
        inner,
        order.length === 0 ? '' : `${order.join()} `,
      )
      const reached = [...uses.get(key)!]
      for (const { name, nodes } of members) {
        const own = `${first.name}.${name}`
        add(keyOf(first.label, own), first, own, nodes, new Set(), '')
        reached.push(...uses.get(keyOf(first.label, own))!)
      }
      uses.set(key, reached)
    }
    for (const name of this.#missing.keys()) {
      symbols.set(name, {
        file: '',
        name,
        line: 0,
        column: 0,
        hash: hashOf('missing'),
        syntax: hashOf('missing').slice(0, 16),
        uses: {},
      })
    }
    return this.#connect(symbols, uses, groups)
  }

  /** From the beginning over all that is used, then over what acts on load. */
  #connect(
    symbols: ReadonlyMap<string, Omit<CodeSymbol, 'through'>>,
    uses: ReadonlyMap<string, readonly Meaning[]>,
    groups: ReadonlyMap<string, readonly Piece[]>,
  ): CodeRecord {
    const loadedBy = new Map<string, string | null>([[this.#flat.first, null]])
    for (const [label] of loadedBy) {
      for (const to of this.#flat.imports.get(label) ?? []) if (!loadedBy.has(to)) loadedBy.set(to, label)
    }
    const through = new Map<string, string | null>(this.#entry.map((key) => [key, null]))
    const classes = [...symbols.keys()]
    const walk = (): void => {
      for (const [key] of through) {
        for (const { key: used } of uses.get(key) ?? [])
          if (symbols.has(used) && !through.has(used)) through.set(used, key)
      }
    }
    walk()
    for (const [key, [piece]] of groups) {
      if (through.has(key)) continue
      const { label, name } = piece!
      through.set(key, name === moduleCode ? (loadedBy.get(label) ?? null) : label)
      walk()
    }
    for (const [name, label] of this.#missing) through.set(name, label)
    const throughOf = (key: string): string | null => {
      const known = through.get(key)
      if (known !== undefined) return known
      const owner = classes.find((each) => key.startsWith(`${each}.`) && through.has(each))
      return owner === undefined ? null : through.get(owner)!
    }
    const sorted = [...symbols].sort(([a], [b]) => (a < b ? -1 : 1))
    const found: Record<string, CodeSymbol> = {}
    for (const [key, symbol] of sorted) found[key] = { ...symbol, through: throughOf(key) }
    const { commonJs, queries } = this.#flat
    const order = [...this.#order(uses), ...commonJs.map((label) => `${label} as CommonJS`), ...queries]
    return {
      entry: `${this.#entry[0] ?? keyOf(this.#flat.first, '*')}${this.#options.which}`,
      symbols: found,
      packages: {},
      order,
      opaque: this.#opaque,
      accepted: [],
      loadedBy: loadersOf(found, loadedBy),
    }
  }

  /**
   * What acts, in its order; one thing alone has none. What it may use before that is made is said beside it: a
   * function does not have to be made, all else has.
   */
  #order(uses: ReadonlyMap<string, readonly Meaning[]>): readonly string[] {
    const ts = typescript()
    const madeAt = new Map<string, number>()
    for (const [index, { label, name, node }] of this.#pieces.entries()) {
      if (!ts.isFunctionDeclaration(node)) madeAt.set(keyOf(label, name), index)
    }
    const order: string[] = []
    const early: string[] = []
    const counts = new Map<string, number>()
    for (const [index, { label, name, node, scope, acts }] of this.#pieces.entries()) {
      const key = keyOf(label, name)
      if (!acts) continue
      const count = (counts.get(key) ?? 0) + 1
      counts.set(key, count)
      if (key !== order.at(-1)) order.push(key)
      // Of its own: the statements of a module are one symbol.
      const reached = new Set(this.#write(label, [node], scope).uses.map((used) => used.key))
      for (const each of reached) for (const used of uses.get(each) ?? []) reached.add(used.key)
      for (const used of reached) {
        if (used !== key && (madeAt.get(used) ?? 0) > index) early.push(`${key} before ${used} (${count})`)
      }
    }
    return [...(order.length < 2 ? [] : order), ...new Set(early)]
  }

  #usesOf(label: string, used: readonly Meaning[]): Readonly<Record<string, NameUse>> {
    const found: Record<string, NameUse> = {}
    for (const { key, name } of used) {
      const at = this.#importOf(label, key, name)
      found[name in found ? key : name] = { means: key, ...(at === undefined ? {} : { at }) }
    }
    return found
  }

  /** `LABEL:LINE` of the last import or export on the way from a file to a name of another. */
  #importOf(label: string, key: string, name: string): string | undefined {
    const target = key.slice(0, key.indexOf(':'))
    if (target === label || !this.#flat.imports.has(target)) return undefined
    const said = new RegExp(`(^|[^\\w$.])${name.replaceAll('$', '\\$')}([^\\w$]|$)`)
    const direct = this.#flat.imports.get(label)?.includes(target) === true
    const hops = direct
      ? [label]
      : (this.#flat.imports.get(label) ?? []).filter((hop) => this.#flat.imports.get(hop)?.includes(target))
    for (const hop of hops) {
      const line = this.#lines(hop).findIndex((text) => /\b(import|export|from)\b/.test(text) && said.test(text))
      if (line >= 0) return `${hop}:${line + 1}`
    }
    return undefined
  }
}

/** The record of a flat program; its packages are left to whoever knows their versions. */
export const recordOfProgram = (flat: FlatProgram, options: Options): CodeRecord => new Symbols(flat, options).record()
