/**
 * The function of a call `stage('name', { run })`, made an export of its module, so that the tree shaker can begin
 * there. What only builds pipelines is taken out of the modules: nothing but its arguments may act.
 */
import type { ts } from 'ts-morph'
import { ownPackage } from '../definition/own-package.js'
import type { CodePlace } from './code-record.js'
import { entryName } from './flat-program.js'
import { isReference, typescript, withoutSkin } from './typescript.js'

/** Where a call stands, for whom a stack tells it. */
export type CallPlace = CodePlace & { readonly file: string }

/** A call with the part that computes. */
interface StageCall extends CodePlace {
  readonly file: string
  readonly node: ts.CallExpression
  /** The first argument, where it is written out. */
  readonly name: string | undefined
  readonly endLine: number
  readonly endColumn: number
  /** The property `run`; undefined where it is in no way that can be read: then all arguments count. */
  readonly run: ts.ObjectLiteralElementLike | undefined
}

export interface ParsedFile {
  readonly file: string
  readonly text: string
  readonly source: ts.SourceFile
  /** Local names of this package's exports, and their own. */
  readonly imported: ReadonlyMap<string, string>
  readonly calls: readonly StageCall[]
  /** Whether something in it may act when it is only read: a getter, a proxy, a conversion. */
  readonly actsWhenRead: boolean
  /** Resolves names, of this file alone. */
  readonly checker: () => ts.TypeChecker
}

/** What builds a definition and does nothing else, whatever it is given; functions that it is given it may call. */
const builders = new Set(['pipeline', 'stage', 'suite', 'vit', 'mnist', 'idx'])

const importedBuilders = (source: ts.SourceFile): ReadonlyMap<string, string> => {
  const ts = typescript()
  const found = new Map<string, string>()
  for (const statement of source.statements) {
    if (!ts.isImportDeclaration(statement) || !ts.isStringLiteral(statement.moduleSpecifier)) continue
    if (statement.moduleSpecifier.text !== ownPackage.name) continue
    const { namedBindings } = statement.importClause ?? {}
    if (namedBindings === undefined || ts.isNamespaceImport(namedBindings)) continue
    for (const { name, propertyName } of namedBindings.elements) found.set(name.text, (propertyName ?? name).text)
  }
  // Bound once more in some scope, a name may mean something else there.
  const visit = (node: ts.Node): void => {
    const { name } = node as { readonly name?: ts.Node }
    const binds = ts.isVariableDeclaration(node) || ts.isParameter(node) || ts.isBindingElement(node)
    const declares = ts.isFunctionLike(node) || ts.isClassLike(node)
    if ((binds || declares) && name !== undefined && ts.isIdentifier(name)) found.delete(name.text)
    ts.forEachChild(node, visit)
  }
  if (found.size > 0) visit(source)
  return found
}

const runOf = (options: ts.Node | undefined): ts.ObjectLiteralElementLike | undefined => {
  const ts = typescript()
  if (options === undefined || !ts.isObjectLiteralExpression(options)) return undefined
  // What is spread into it may bring a `run` of its own.
  if (options.properties.some((property) => ts.isSpreadAssignment(property))) return undefined
  return options.properties.findLast(
    (property) => property.name !== undefined && 'text' in property.name && property.name.text === 'run',
  )
}

const checkerOf = (source: ts.SourceFile): ts.TypeChecker => {
  const { fileName } = source
  const host: ts.CompilerHost = {
    getSourceFile: (name) => (name === fileName ? source : undefined),
    getDefaultLibFileName: () => '',
    writeFile: () => {},
    getCurrentDirectory: () => '/',
    getCanonicalFileName: (name) => name,
    useCaseSensitiveFileNames: () => true,
    getNewLine: () => '\n',
    fileExists: (name) => name === fileName,
    readFile: () => undefined,
  }
  const options = { noResolve: true, noLib: true, allowJs: true, types: [] }
  return typescript().createProgram([fileName], options, host).getTypeChecker()
}

export const parseDefinitionFile = (file: string, text: string): ParsedFile => {
  const ts = typescript()
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  const calls: StageCall[] = []
  const imported = importedBuilders(source)
  let actsWhenRead = false
  const visit = (node: ts.Node): void => {
    const { name: own } = node as { readonly name?: ts.Node }
    const isConversion = own !== undefined && ts.isIdentifier(own) && /^(toString|valueOf|toJSON)$/.test(own.text)
    if (ts.isGetAccessor(node) || (isConversion && !ts.isPropertyAccessExpression(node))) actsWhenRead = true
    if (ts.isIdentifier(node) && /^(Proxy|definePropert(y|ies)|__defineGetter__|toPrimitive)$/.test(node.text)) {
      actsWhenRead = true
    }
    if (ts.isCallExpression(node) && node.arguments.length > 1) {
      const [name, options] = node.arguments.map(withoutSkin)
      const run = runOf(options)
      const callee = withoutSkin(node.expression)
      if (run !== undefined || (ts.isIdentifier(callee) && imported.get(callee.text) === 'stage')) {
        const at = source.getLineAndCharacterOfPosition(node.getStart(source))
        const end = source.getLineAndCharacterOfPosition(node.end)
        calls.push({
          file,
          node,
          name: name !== undefined && ts.isStringLiteralLike(name) ? name.text : undefined,
          line: at.line + 1,
          column: at.character + 1,
          endLine: end.line + 1,
          endColumn: end.character + 1,
          run,
        })
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  let checker: ts.TypeChecker | undefined
  return { file, text, source, imported, calls, actsWhenRead, checker: () => (checker ??= checkerOf(source)) }
}

const isBefore = (a: CodePlace, b: CodePlace): boolean => a.line < b.line || (a.line === b.line && a.column <= b.column)

/**
 * The innermost call around the place. Loaders that compile as they go may be off by some columns, or name the line
 * alone: then it is the last call that begins on that line before the place, or the first after.
 */
const callAt = (calls: readonly StageCall[], place: CodePlace): StageCall | undefined => {
  const around = calls.filter(
    (call) => isBefore(call, place) && isBefore(place, { line: call.endLine, column: call.endColumn }),
  )
  // A call within another begins later.
  const innermost = around.reduce<StageCall | undefined>(
    (found, call) => (found === undefined || isBefore(found, call) ? call : found),
    undefined,
  )
  if (innermost !== undefined && innermost.line === place.line) return innermost
  const onLine = calls.filter(({ line }) => line === place.line)
  return onLine.filter(({ column }) => column <= place.column).at(-1) ?? onLine[0] ?? innermost
}

/**
 * The calls that a stage may begin with: the one at its place; else the one that writes its name out. Both where the
 * one at the place computes its name, since either may be meant.
 */
const callsOf = (files: readonly ParsedFile[], name: string, place: CallPlace): readonly StageCall[] => {
  const there = files.find(({ file }) => file === place.file)?.calls ?? []
  const call = callAt(
    there.filter((each) => each.name === undefined || each.name === name),
    place,
  )
  const found = call === undefined ? [] : [call]
  const named = files.flatMap(({ calls }) => calls.filter((each) => each.name === name))
  const called = named.length === 1 ? named[0] : undefined
  if (called === undefined || (call?.name === name && call.line === place.line)) return found
  return call?.line === place.line && called !== call ? [call, called] : [called]
}

/** Whether a part of a file reads variables of functions around it, their `this` or `arguments`. */
const captures = ({ source, checker }: ParsedFile, part: ts.Node): boolean => {
  const ts = typescript()
  const isTopLevel = (): boolean => {
    for (let at: ts.Node = part; at !== source; at = at.parent) {
      if (ts.isFunctionLike(at) || ts.isClassLike(at)) return false
    }
    return true
  }
  const isInside = (node: ts.Node): boolean => node.getStart(source) >= part.getStart(source) && node.end <= part.end
  const isOfModule = (declaration: ts.Node): boolean => {
    for (let at = declaration.parent; at !== undefined; at = at.parent) {
      if (at === source) return true
      if (ts.isFunctionLike(at) || ts.isBlock(at) || ts.isCaseBlock(at) || ts.isModuleBlock(at)) return false
      if (ts.isClassLike(at) || ts.isForStatement(at) || ts.isForInStatement(at) || ts.isForOfStatement(at))
        return false
      if (ts.isCatchClause(at)) return false
    }
    return true
  }
  let found = false
  const visit = (node: ts.Node, ownThis: boolean): void => {
    if (found || ts.isTypeNode(node)) return
    if (ts.isIdentifier(node)) {
      if (!isReference(node)) return
      const symbol = ts.isShorthandPropertyAssignment(node.parent)
        ? checker().getShorthandAssignmentValueSymbol(node.parent)
        : checker().getSymbolAtLocation(node)
      const outer = (symbol?.declarations ?? []).filter((each) => each.getSourceFile() === source && !isInside(each))
      if (outer.some((each) => !isOfModule(each))) found = true
      if (node.text === 'arguments' && !ownThis && symbol?.declarations === undefined && !isTopLevel()) found = true
      return
    }
    if (node.kind === ts.SyntaxKind.ThisKeyword && !ownThis) found = !isTopLevel()
    const binds = ts.isFunctionLike(node) && !ts.isArrowFunction(node)
    ts.forEachChild(node, (child) => visit(child, ownThis || binds || ts.isClassLike(node)))
  }
  visit(part, false)
  return found
}

/**
 * Whether a part of a file is a function for sure, the same whenever it is evaluated: written out there, or the name of
 * one that nothing else is assigned to. What a call gives, or a member of an object, may be another each time.
 */
const isOneFunction = (file: ParsedFile, run: ts.ObjectLiteralElementLike, all: readonly ParsedFile[]): boolean => {
  const ts = typescript()
  const { source, checker } = file
  const isVariable = (name: string): boolean => all.some((each) => each !== file && exportsVariable(each.text, name))
  if (ts.isMethodDeclaration(run)) return true
  const value = ts.isPropertyAssignment(run) ? withoutSkin(run.initializer) : run.name
  if (value === undefined || ts.isArrowFunction(value) || ts.isFunctionExpression(value)) return true
  if (ts.isPropertyAccessExpression(value)) {
    const root = ts.isIdentifier(value.expression) ? checker().getSymbolAtLocation(value.expression) : undefined
    return root?.declarations?.every((each) => ts.isNamespaceImport(each)) === true && !isVariable(value.name.text)
  }
  if (!ts.isIdentifier(value)) return false
  const symbol = ts.isShorthandPropertyAssignment(run)
    ? checker().getShorthandAssignmentValueSymbol(run)
    : checker().getSymbolAtLocation(value)
  return (symbol?.declarations ?? []).every((each) => {
    if (ts.isImportSpecifier(each)) return !isVariable((each.propertyName ?? each.name).text)
    if (ts.isImportClause(each)) return !isVariable('default')
    if (ts.isNamespaceImport(each)) return true
    if (ts.isVariableDeclaration(each)) return (ts.getCombinedNodeFlags(each) & ts.NodeFlags.Const) !== 0
    return ts.isFunctionDeclaration(each) && !isAssigned(source, value.text)
  })
}

/** Whether a file may export under this name what it declares by `let` or `var`, and sets again. */
const exportsVariable = (text: string, name: string): boolean => {
  const asPattern = (each: string): string => each.replaceAll('$', '\\$')
  const renamed = [...text.matchAll(new RegExp(`([\\w$]+)\\s+as\\s+${asPattern(name)}(?![\\w$])`, 'g'))]
  return [name, ...renamed.map(([, local]) => local!)].some((each) =>
    new RegExp(`\\b(let|var)\\b[^;=]*(?<![\\w$])${asPattern(each)}(?![\\w$])`).test(text),
  )
}

/** Whether a name is assigned anywhere in a file. */
const isAssigned = (source: ts.SourceFile, name: string): boolean =>
  new RegExp(`(^|[^\\w$.])${name.replaceAll('$', '\\$')}\\s*([-+*/%&|^?<>]{0,3})=[^=>]`, 'm').test(source.text)

/** The names that the declaration at the top of its module around a node is exported by. */
const topNames = (source: ts.SourceFile, node: ts.Node): readonly string[] => {
  const ts = typescript()
  let top = node
  while (top.parent !== source) top = top.parent
  if (ts.isVariableStatement(top)) {
    return top.declarationList.declarations.flatMap(({ name }) => (ts.isIdentifier(name) ? [name.text] : []))
  }
  const { name } = top as { readonly name?: ts.Node }
  return name !== undefined && ts.isIdentifier(name) ? [name.text] : []
}

/** What a builder calls does nothing but build; `actsWhenRead`: reading a value may do something. */
interface Building {
  readonly imported: ReadonlyMap<string, string>
  readonly actsWhenRead: boolean
}

/** Whether a function that a builder calls does nothing but build. */
const onlyBuilds = (node: ts.Node, building: Building): boolean => {
  const ts = typescript()
  const { imported, actsWhenRead } = building
  if (ts.isTypeNode(node)) return true
  if (ts.isCallExpression(node) && rootOf(node, imported) === undefined) return false
  if (actsWhenRead) {
    const isChain = ts.isPropertyAccessExpression(node) && ts.isCallExpression(withoutSkin(node.expression))
    if ((ts.isPropertyAccessExpression(node) && !isChain) || ts.isElementAccessExpression(node)) return false
    if (ts.isBinaryExpression(node) || ts.isTemplateExpression(node) || ts.isSpreadAssignment(node)) return false
  }
  if (ts.isNewExpression(node) || ts.isTaggedTemplateExpression(node) || ts.isAwaitExpression(node)) return false
  if (ts.isDeleteExpression(node) || ts.isYieldExpression(node) || ts.isThrowStatement(node)) return false
  if (ts.isPrefixUnaryExpression(node) || ts.isPostfixUnaryExpression(node)) {
    const { PlusPlusToken, MinusMinusToken } = ts.SyntaxKind
    if (node.operator === PlusPlusToken || node.operator === MinusMinusToken) return false
  }
  if (ts.isBinaryExpression(node) && node.operatorToken.kind >= ts.SyntaxKind.FirstAssignment) {
    if (node.operatorToken.kind <= ts.SyntaxKind.LastAssignment) return false
  }
  // Functions that computing stages call are not called while it is built.
  if (ts.isObjectLiteralElementLike(node) && node.name !== undefined && node.name.getText() === 'run') return true
  return ts.forEachChild(node, (child) => (onlyBuilds(child, building) ? undefined : true)) !== true
}

/** Of what `suite` is given, whether it is no function or one that does nothing but build. */
const isBuilder = (value: ts.Node, file: ParsedFile, building: Building): boolean => {
  const ts = typescript()
  if (ts.isFunctionLike(value)) return onlyBuilds(value, building)
  if (ts.isObjectLiteralExpression(value) || ts.isStringLiteralLike(value)) return true
  const declared = ts.isIdentifier(value) ? (file.checker().getSymbolAtLocation(value)?.declarations ?? []) : []
  const [only] = declared
  if (only === undefined || declared.length > 1) return false
  const isConstant = (ts.getCombinedNodeFlags(only) & ts.NodeFlags.Const) !== 0
  const made = ts.isVariableDeclaration(only) && isConstant && only.initializer ? withoutSkin(only.initializer) : only
  return (ts.isFunctionLike(made) || ts.isObjectLiteralExpression(made)) && isBuilder(made, file, building)
}

/** Whether a call of `stage` reads values of which reading may do something: its parameters, beside its functions. */
const readsParams = (node: ts.CallExpression): boolean => {
  const ts = typescript()
  const reads = (part: ts.Node): boolean => {
    if (ts.isGetAccessor(part) || (ts.isIdentifier(part) && isReference(part))) return true
    if (ts.isFunctionLike(part)) return false
    return ts.forEachChild(part, (child) => (reads(child) ? true : undefined)) === true
  }
  const [, options] = node.arguments.map(withoutSkin)
  if (options === undefined || !ts.isObjectLiteralExpression(options)) return options !== undefined
  return options.properties.some(
    (each) => ts.isSpreadAssignment(each) || (each.name.getText() === 'params' && reads(each)),
  )
}

/** The builder that a chain of calls begins with: `pipeline('p').data(…).teacher(…)`. */
const rootOf = (node: ts.CallExpression, imported: ReadonlyMap<string, string>): string | undefined => {
  const ts = typescript()
  let at: ts.Node = node
  while (ts.isCallExpression(at) || ts.isPropertyAccessExpression(at)) at = withoutSkin(at.expression)
  const name = ts.isIdentifier(at) ? imported.get(at.text) : undefined
  return name !== undefined && builders.has(name) ? at.getText() : undefined
}

/**
 * Chains of builders, each made a list of what they are given: the tree shaker drops it where nothing in it acts. Those
 * in functions stay: a stage may compute with one.
 */
const withoutBuilders = (file: ParsedFile, except: readonly ts.Node[], actsWhenRead: boolean): string => {
  const ts = typescript()
  const { source, text, imported } = file
  const building = { imported, actsWhenRead }
  const write = (node: ts.Node): string => {
    if (ts.isFunctionLike(node)) return text.slice(node.getFullStart(), node.end)
    if (ts.isCallExpression(node) && !except.some((each) => contains(node, each))) {
      const root = rootOf(node, imported)
      const callee = withoutSkin(node.expression)
      const called = ts.isIdentifier(callee) ? imported.get(callee.text) : undefined
      const isRead = called === 'stage' && actsWhenRead && readsParams(node)
      if (root !== undefined && !isRead) {
        const before = ts.isPropertyAccessExpression(callee)
          ? `${write(withoutSkin(callee.expression))}, ${JSON.stringify(callee.name.text)}`
          : JSON.stringify(root)
        const given = node.arguments.map((each) => {
          const value = withoutSkin(each)
          const isCalled = called === 'suite' || ts.isFunctionLike(value)
          return isCalled && !isBuilder(value, file, building) ? `(${write(each)})()` : write(each)
        })
        const list = [before, ...given].join(', ')
        // What follows stays on its lines.
        const lost = linesIn(text.slice(node.getFullStart(), node.end)) - linesIn(list)
        // A statement: without a semicolon before it, it would go on with the line above.
        const begin = ts.isExpressionStatement(node.parent) && node.parent.parent === source ? ';' : ''
        return `${begin}[${list}${'\n'.repeat(Math.max(0, lost))}]`
      }
    }
    let written = ''
    let at = node.getFullStart()
    ts.forEachChild(node, (child) => {
      written += text.slice(at, child.getFullStart()) + write(child)
      at = child.end
    })
    return written + text.slice(at, node.end)
  }
  return imported.size === 0 ? text : write(source) + text.slice(source.end)
}

const linesIn = (text: string): number => text.split('\n').length

const contains = (outer: ts.Node, inner: ts.Node): boolean => outer.pos <= inner.pos && outer.end >= inner.end

export interface DefinitionCode {
  /** What the entry imports. */
  readonly entry: string
  /** File → its text with the entry exported, and without builders. */
  readonly rewritten: ReadonlyMap<string, string>
  /** The call's functions read variables of functions around them, or cannot be told. */
  readonly captures: boolean
  /** Tells stages apart of which the code alone does not say which function is whose; else empty. */
  readonly which: string
  /** Of a call that computes its name, all names that other calls write out. */
  readonly namesElsewhere: readonly string[] | undefined
  /** Line of an appended text in its file → line of the original. */
  readonly lineOf: (file: string, line: number) => number
}

/** `module` is what a worker imports, `parsed` are the files of its program. */
export const definitionCode = (
  module: string,
  parsed: readonly ParsedFile[],
  name: string,
  place: CallPlace,
): DefinitionCode => {
  const ts = typescript()
  const calls = callsOf(parsed, name, place)
  const fileOf = (call: StageCall): ParsedFile => parsed.find(({ file }) => file === call.file)!
  const capturing = calls.filter((call) => captures(fileOf(call), call.run ?? call.node))
  const unknown = calls.filter((call) => call.run === undefined || !isOneFunction(fileOf(call), call.run, parsed))
  const actsWhenRead = parsed.some((each) => each.actsWhenRead)
  const exported = new Map<string, string[]>()
  const lines = new Map<string, { readonly from: number; readonly to: number }>()
  const rewritten = new Map<string, string>()
  for (const each of parsed) {
    const except = calls.length === 0 ? [each.source] : capturing.map(({ node }) => node)
    let text = calls.length === 0 ? each.text : withoutBuilders(each, except, actsWhenRead)
    for (const [index, call] of calls.entries()) {
      if (call.file !== each.file) continue
      const isCaptured = capturing.includes(call)
      const names = isCaptured ? topNames(each.source, call.node) : [`${entryName}${index}`]
      exported.set(each.file, [...(exported.get(each.file) ?? []), ...names])
      if (isCaptured) {
        text += names.map((own) => `\nexport { ${own} as genepoolAround_${own} }`).join('')
        continue
      }
      const run = call.run ?? call.node.arguments[1]!
      const value = ts.isPropertyAssignment(run) ? run.initializer.getText(each.source) : undefined
      const written = value ?? `({ ${run.getText(each.source)} }).run`
      const begins = each.source.getLineAndCharacterOfPosition(run.getStart(each.source)).line + 1
      lines.set(each.file, { from: text.split('\n').length + 1, to: begins })
      text += `\nexport const ${names[0]} = ${call.run === undefined ? `[${run.getText(each.source)}]` : written}`
    }
    if (text !== each.text) rewritten.set(each.file, text)
  }
  const imports = [...exported].map(([file, names], index) => {
    const isAround = (own: string): boolean => !own.startsWith(entryName)
    const list = names.map((own) => `${isAround(own) ? `genepoolAround_${own}` : own} as i${index}_${own}`)
    return `import { ${list.join(', ')} } from ${JSON.stringify(file)}`
  })
  const all = [...exported].flatMap(([, names], index) => names.map((own) => `i${index}_${own}`))
  const everything = `import * as all from ${JSON.stringify(module)}\nexport const ${entryName} = [all]`
  const entry =
    calls.length === 0
      ? everything
      : `import ${JSON.stringify(module)}\n${imports.join('\n')}\nexport const ${entryName} = [${all.join(', ')}]`
  const [first] = calls
  return {
    entry,
    rewritten,
    captures: first === undefined || capturing.length + unknown.length > 0,
    which: [...new Set([...capturing, ...unknown])]
      .map((call) => ` of ${call.name ?? `call ${fileOf(call).calls.indexOf(call)}`}`)
      .join(''),
    namesElsewhere:
      first !== undefined && first.name === undefined
        ? parsed.flatMap((each) => each.calls.flatMap((call) => call.name ?? []))
        : undefined,
    lineOf: (file, line) => {
      const appended = lines.get(file)
      return appended === undefined || line < appended.from ? line : line - appended.from + appended.to
    },
  }
}
