/** One source file → what is remembered of it. Parses, and never type-checks. */
import type { ts } from 'ts-morph'
import { anonymous } from './anonymous.js'
import { declarationsOf, type ParsedDeclaration } from './declarations.js'
import { isErased } from './erase.js'
import type { Code, Declaration, FileCode, ImportedName, CodePlace, StageCall } from './file-code.js'
import { makesRequire } from './leads.js'
import { readCode, type CodeReading, type FileNames, type FoundStageCall } from './read-code.js'
import { bindingNames, hoistedNames } from './scope.js'
import { hashSyntax, type Omitted } from './syntax-hash.js'
import { typescript } from './typescript.js'

/** `// genepool: opaque the versions are part of the engine's identity`, on the line or on the one above. */
const covered = /\/[/*]\s*genepool:\s*opaque\s+\S/

type Mutable<A> = { -readonly [K in keyof A]: A[K] }
type Modules = Mutable<Pick<FileCode, 'imports' | 'evaluates' | 'exports' | 'reexports' | 'stars'>> & {
  imports: Record<string, ImportedName>
  evaluates: FileCode['evaluates'][number][]
  exports: Record<string, string>
  reexports: Record<string, ImportedName>
  stars: string[]
}

const textOf = (node: ts.ModuleExportName): string => node.text

/** Imports and exports that name another module. */
const readModules = (source: ts.SourceFile, placeOf: (node: ts.Node) => CodePlace): Modules => {
  const ts = typescript()
  const found: Modules = { imports: {}, evaluates: [], exports: {}, reexports: {}, stars: [] }
  const evaluate = (specifier: string, bare: boolean, node: ts.Node): void => {
    found.evaluates.push({ specifier, bare, line: placeOf(node).line })
  }
  for (const statement of source.statements) {
    if (isErased(statement)) continue
    if (ts.isImportDeclaration(statement) && ts.isStringLiteral(statement.moduleSpecifier)) {
      const specifier = statement.moduleSpecifier.text
      const { name, namedBindings } = statement.importClause ?? {}
      evaluate(specifier, statement.importClause === undefined, statement)
      const add = (local: ts.Identifier, imported: string): void => {
        found.imports[local.text] = { specifier, name: imported, ...placeOf(local) }
      }
      if (name !== undefined) add(name, 'default')
      if (namedBindings === undefined) continue
      if (ts.isNamespaceImport(namedBindings)) add(namedBindings.name, '*')
      else {
        for (const element of namedBindings.elements) {
          if (!element.isTypeOnly) add(element.name, textOf(element.propertyName ?? element.name))
        }
      }
    } else if (ts.isImportEqualsDeclaration(statement) && ts.isExternalModuleReference(statement.moduleReference)) {
      const { expression } = statement.moduleReference
      if (!ts.isStringLiteralLike(expression)) continue
      evaluate(expression.text, false, statement)
      found.imports[statement.name.text] = { specifier: expression.text, name: '*', ...placeOf(statement.name) }
      if (isExported(statement)) found.exports[statement.name.text] = statement.name.text
    } else if (ts.isExportDeclaration(statement)) {
      const { exportClause, moduleSpecifier } = statement
      const specifier =
        moduleSpecifier !== undefined && ts.isStringLiteral(moduleSpecifier) ? moduleSpecifier.text : undefined
      if (specifier !== undefined) evaluate(specifier, false, statement)
      if (exportClause === undefined) found.stars.push(specifier!)
      else if (ts.isNamespaceExport(exportClause)) {
        found.reexports[textOf(exportClause.name)] = { specifier: specifier!, name: '*', ...placeOf(exportClause) }
      } else {
        for (const element of exportClause.elements) {
          if (element.isTypeOnly) continue
          const [name, local] = [textOf(element.name), textOf(element.propertyName ?? element.name)]
          if (specifier === undefined) found.exports[name] = local
          else found.reexports[name] = { specifier, name: local, ...placeOf(element) }
        }
      }
    }
  }
  return found
}

const hasKeyword = (node: ts.Node, kind: ts.SyntaxKind): boolean =>
  'modifiers' in node &&
  ((node.modifiers as readonly ts.Node[] | undefined)?.some((each) => each.kind === kind) ?? false)

const isExported = (node: ts.Node): boolean => hasKeyword(node, typescript().SyntaxKind.ExportKeyword)

/** What declarations export by a word before them. */
const readExports = (source: ts.SourceFile, exports: Record<string, string>): void => {
  const ts = typescript()
  for (const statement of source.statements) {
    if (isErased(statement)) continue
    if (ts.isExportAssignment(statement)) {
      exports['default'] = anonymous
      continue
    }
    if (!isExported(statement)) continue
    if (ts.isVariableStatement(statement)) {
      for (const { name } of statement.declarationList.declarations) {
        for (const each of bindingNames(name)) exports[each] = each
      }
    } else if ('name' in statement || ts.isFunctionDeclaration(statement) || ts.isClassDeclaration(statement)) {
      const name = (statement as ts.DeclarationStatement).name as ts.Identifier | undefined
      const local = name?.text ?? anonymous
      exports[hasKeyword(statement, ts.SyntaxKind.DefaultKeyword) ? 'default' : local] = local
    }
  }
}

/** Names that any `createRequire(import.meta.url)` of the file is bound to, in whatever scope. */
const requireNames = (source: ts.SourceFile, names: FileNames): ReadonlySet<string> => {
  const ts = typescript()
  const found = new Set<string>()
  const visit = (node: ts.Node): void => {
    if (ts.isVariableDeclaration(node) && ts.isIdentifier(node.name) && node.initializer !== undefined) {
      if (makesRequire(node.initializer, names)) found.add(node.name.text)
    }
    ts.forEachChild(node, visit)
  }
  if (source.text.includes('createRequire')) visit(source)
  return found
}

/** What a class says before its members: what it extends, its decorators. */
const headOf = (node: ts.ClassDeclaration): readonly ts.Node[] => [
  ...(typescript().getDecorators(node) ?? []),
  ...(node.heritageClauses ?? []).filter((clause) => !isErased(clause)).flatMap(({ types }) => [...types]),
]

const without = (uses: readonly string[], names: readonly string[]): readonly string[] =>
  uses.filter((used) => !names.includes(used))

/** Parses a file; its name decides between JavaScript and TypeScript. One with syntax errors gives what can be read. */
export const parseFile = (file: string, text: string): FileCode => {
  const ts = typescript()
  const source = ts.createSourceFile(
    file,
    text,
    { languageVersion: ts.ScriptTarget.Latest, jsDocParsingMode: ts.JSDocParsingMode.ParseNone },
    true,
  )
  const placeOf = (node: ts.Node): CodePlace => {
    const { line, character } = source.getLineAndCharacterOfPosition(node.getStart(source))
    return { line: line + 1, column: character + 1 }
  }
  // What the parser did not understand it may have left out: then all of the text counts.
  const { parseDiagnostics = [] } = source as unknown as { readonly parseDiagnostics?: readonly unknown[] }
  const misread = parseDiagnostics.length === 0 ? '' : text
  const hashOf = (nodes: readonly ts.Node[], omitted?: Omitted, said = ''): string =>
    hashSyntax(nodes, omitted, `${said}${misread}`)
  const lines = text.split(/\r\n?|\n/)
  const modules = readModules(source, placeOf)
  readExports(source, modules.exports)
  const { declarations, statements } = declarationsOf(source)
  const own = new Set([
    ...Object.keys(modules.imports),
    ...declarations.flatMap((declaration) => declaration.names),
    ...hoistedNames(source).keys(),
  ])
  let requires: ReadonlySet<string> = new Set()
  const names: FileNames = {
    isOwn: (name) => own.has(name),
    isGlobal: (name) => !own.has(name),
    imported: (name) => (Object.hasOwn(modules.imports, name) ? modules.imports[name] : undefined),
    isRequire: (name) => requires.has(name),
    placeOf,
    isCovered: (line) => covered.test(lines[line - 1] ?? '') || covered.test(lines[line - 2] ?? ''),
  }
  requires = requireNames(source, names)

  const stageCalls: StageCall[] = []
  const codeOf = (place: ts.Node, reading: CodeReading, hash: string): Code => ({
    ...placeOf(place),
    hash,
    uses: reading.uses,
    loads: reading.loads,
    opaque: reading.opaque,
    effects: reading.effects,
    ...(reading.onLoad === undefined ? {} : { onLoad: reading.onLoad }),
  })
  const noteStageCalls = (found: readonly FoundStageCall[], within: string | undefined): void => {
    for (const { call, run, scope } of found) {
      const node = ts.isPropertyAssignment(run) ? run.initializer : run
      const reading = readCode([node], names, { scope, loading: false })
      const end = source.getLineAndCharacterOfPosition(call.getEnd())
      const name = call.arguments[0]
      stageCalls.push({
        ...placeOf(call),
        ...(name !== undefined && ts.isStringLiteralLike(name) && isStageFunction(call.expression)
          ? { name: name.text }
          : {}),
        endLine: end.line + 1,
        endColumn: end.character + 1,
        run: codeOf(node, reading, hashOf([node])),
        captures: reading.captures,
        ...(within === undefined ? {} : { within }),
      })
    }
  }

  /** `stage`, under whatever name it was imported. */
  const isStageFunction = (callee: ts.Expression): boolean =>
    ts.isPropertyAccessExpression(callee)
      ? callee.name.text === 'stage'
      : ts.isIdentifier(callee) && (callee.text === 'stage' || names.imported(callee.text)?.name === 'stage')

  const read = (declaration: ParsedDeclaration): Declaration => {
    const { nodes, names: declared, place, members, isState, word = '' } = declaration
    const reading = readCode(nodes, names, { loading: true })
    noteStageCalls(reading.stageCalls, declared[0])
    const inMembers = new Set((members ?? []).flatMap((member) => member.nodes))
    const fields = (members ?? []).flatMap((member) => member.fields)
    const hash = hashOf(nodes, (node) => inMembers.has(node), [word, ...fields].join())
    const { onLoad, ...code } = codeOf(place, reading, hash)
    const usesOf = (part: readonly ts.Node[]): readonly string[] =>
      without(readCode(part, names, { loading: false }).uses, declared)
    return {
      ...code,
      uses: without(code.uses, declared),
      names: declared,
      isState,
      ...(onLoad === undefined ? {} : { onLoad: { ...onLoad, uses: without(onLoad.uses, declared) } }),
      ...(members === undefined
        ? {}
        : {
            headUses: usesOf(headOf(nodes[0] as ts.ClassDeclaration)),
            members: members.map((member) => ({
              ...placeOf(member.nodes[0]!),
              name: member.name,
              hash: hashOf(member.nodes),
              uses: usesOf(member.nodes),
            })),
          }),
    }
  }
  const readDeclarations = declarations.map(read)
  const readStatements = statements.map((node) => {
    const reading = readCode([node], names, { loading: true })
    noteStageCalls(reading.stageCalls, undefined)
    return codeOf(node, reading, hashOf([node]))
  })
  const order = [
    ...declarations.map((declaration, index) => ({ at: declaration.nodes[0]!.pos, index })),
    ...statements.map((node, index) => ({ at: node.pos, index: ~index })),
  ].sort((a, b) => a.at - b.at)
  // What is assigned to later can change, whatever it was declared as.
  const written = new Set([...readDeclarations, ...readStatements].flatMap(({ effects }) => effects.writes))
  const hasModuleSyntax = ts.isExternalModule(source)
  return {
    ...modules,
    declarations: readDeclarations.map((declaration) =>
      declaration.isState || !declaration.names.some((name) => written.has(name)) || declaration.members !== undefined
        ? declaration
        : { ...declaration, isState: true },
    ),
    statements: readStatements,
    order: order.map(({ index }) => index),
    isCommonJs:
      source.statements.some((statement) => ts.isExportAssignment(statement) && statement.isExportEquals === true) ||
      (!hasModuleSyntax && /\b(module|exports)\b/.test(text)),
    stageCalls,
  }
}

/** Specifiers of all that a file loads, whatever of it is used: what its program is made of. */
export const specifiersOf = ({ evaluates, declarations, statements }: FileCode): readonly string[] => [
  ...evaluates.map(({ specifier }) => specifier),
  ...[...declarations, ...statements].flatMap(({ loads }) => loads.map(({ specifier }) => specifier)),
]
