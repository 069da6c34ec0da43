/**
 * What a file leads to other than by imports that the tree shaker sees, rewritten so that it does: files of literal
 * names become imports; what cannot be followed is marked, and counts where the mark is reached.
 */
import type { ts } from 'ts-morph'
import { leadOf, makesRequire, type NameLookup } from './leads.js'
import { isReference, typescript } from './typescript.js'

const anyCode = /\.[cm]?[jt]sx?$/

export const isCode = (file: string): boolean => anyCode.test(file) && !file.endsWith('.d.ts')

/** What stands in front of a file's label in a flat program, and of a rewritten name: code, or a file by its bytes. */
export const spaces = { code: 'code', bytes: 'bytes' } as const

/** `genepoolOpaque('what', line, column)`: reaching it is reaching something that cannot be followed. */
export const opaqueMark = 'genepoolOpaque'

/** No thing that cannot be followed: any module may be loaded there, and the trace then tells which. */
export const anyModule = 'any module'

/** `// genepool: opaque the versions are part of the engine's identity`, on the line or on the one above. */
const covered = /\/[/*]\s*genepool:\s*opaque\s+\S/

/** Files without any of these lead nowhere else. */
const leading =
  /\bimport\s*\(|\bimport\s*\.\s*meta\b|\brequire\b|\b__(dir|file)name\b|\beval\b|\bFunction\b|\bWorker\b|\bset(Timeout|Interval)\b|\bprocess\s*\.|['"](node:)?(vm|child_process|cluster|module)['"]/

interface Names extends NameLookup {
  readonly bound: Set<string>
}

const namesOf = (source: ts.SourceFile): Names => {
  const ts = typescript()
  const bound = new Set<string>()
  const imported = new Map<string, { specifier: string; name: string }>()
  for (const statement of source.statements) {
    if (!ts.isImportDeclaration(statement) || !ts.isStringLiteral(statement.moduleSpecifier)) continue
    const specifier = statement.moduleSpecifier.text
    const { name, namedBindings } = statement.importClause ?? {}
    if (name !== undefined) imported.set(name.text, { specifier, name: 'default' })
    if (namedBindings === undefined) continue
    if (ts.isNamespaceImport(namedBindings)) imported.set(namedBindings.name.text, { specifier, name: '*' })
    else {
      for (const element of namedBindings.elements) {
        imported.set(element.name.text, { specifier, name: (element.propertyName ?? element.name).text })
      }
    }
  }
  const requires = new Set<string>()
  const names: Names = {
    bound,
    isGlobal: (name) => !bound.has(name) && !imported.has(name),
    imported: (name) => imported.get(name),
    isRequire: (name) => requires.has(name),
  }
  const visit = (node: ts.Node): void => {
    const { name } = node as { readonly name?: ts.Node }
    const binds =
      ts.isVariableDeclaration(node) ||
      ts.isParameter(node) ||
      ts.isBindingElement(node) ||
      ts.isFunctionDeclaration(node) ||
      ts.isFunctionExpression(node) ||
      ts.isClassDeclaration(node) ||
      ts.isClassExpression(node)
    if (binds && name !== undefined && ts.isIdentifier(name)) {
      bound.add(name.text)
      const { initializer } = node as { readonly initializer?: ts.Expression }
      if (initializer !== undefined && makesRequire(initializer, names)) requires.add(name.text)
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return names
}

/** Whether an identifier is what a declaration makes. */
const isBinding = (node: ts.Identifier): boolean =>
  !typescript().isShorthandPropertyAssignment(node.parent) && (node.parent as { readonly name?: ts.Node }).name === node

/** Whether the tree shaker follows it as it is written. */
const isFollowed = (node: ts.Node, names: Names): boolean => {
  const ts = typescript()
  if (!ts.isCallExpression(node)) return false
  const callee = node.expression
  return (
    callee.kind === ts.SyntaxKind.ImportKeyword ||
    (ts.isIdentifier(callee) && callee.text === 'require' && names.isGlobal('require'))
  )
}

/** The text of a file with what it leads to written so; `isTraced` where a trace says what came of the rest. */
export const literalFiles = (file: string, text: string, isTraced: boolean): string => {
  if (!leading.test(text)) return text
  const ts = typescript()
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  const names = namesOf(source)
  const coveredLines = text.split('\n').map((line) => covered.test(line))
  const edits: { readonly start: number; readonly end: number; readonly text: string }[] = []
  const place = (node: ts.Node) => {
    const { line, character } = source.getLineAndCharacterOfPosition(node.getStart(source))
    return { line: line + 1, column: character + 1 }
  }
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node) || ts.isTypeNode(node)) return
    const lead = ts.isIdentifier(node) && (!isReference(node) || isBinding(node)) ? undefined : leadOf(node, names)
    const { line, column } = place(node)
    const isCovered = coveredLines[line - 1] === true || coveredLines[line - 2] === true
    const followed = isFollowed(node, names)
    if (lead === undefined || (lead.opaque === undefined && (isCovered || followed))) ts.forEachChild(node, visit)
    else if (lead.opaque !== undefined) {
      if (!isCovered && !(isTraced && lead.isTraced === true)) mark(node, lead.opaque, line, column)
      else if (isTraced && !isCovered && lead.loadsModules === true) mark(node, anyModule, line, column)
      // A name with something computed in it stands for many files to the tree shaker.
      if (followed) {
        const { expression } = node as ts.CallExpression
        edits.push({ start: expression.getStart(source), end: expression.end, text: 'genepoolLoad' })
      }
      ts.forEachChild(node, visit)
    } else if (lead.loads.length > 0) {
      const imports = lead.loads.map(({ as, specifier }) => {
        const relative = as === 'module' || /^[./#]|^file:/.test(specifier) ? specifier : `./${specifier}`
        return as === 'module' || isCode(relative)
          ? `import(${JSON.stringify(relative)})`
          : `require(${JSON.stringify(`${spaces.bytes}:${relative}`)})`
      })
      edits.push({ start: node.getStart(source), end: node.end, text: `[${imports.join(', ')}]` })
    }
  }
  const mark = (node: ts.Node, what: string, line: number, column: number): void => {
    const start = node.getStart(source)
    const isShort = ts.isShorthandPropertyAssignment(node.parent)
    const name = isShort ? `${node.getText(source)}: ` : ''
    edits.push({ start, end: start, text: `${name}(${opaqueMark}(${JSON.stringify(what)}, ${line}, ${column}), ` })
    edits.push({ start: node.end, end: node.end, text: ')' })
  }
  visit(source)
  // Of two at one place, the closing bracket of what ends there comes before what begins.
  return edits
    .map((edit, index) => ({ ...edit, index }))
    .sort((a, b) => b.start - a.start || b.index - a.index)
    .reduce((written, { start, end, text: by }) => written.slice(0, start) + by + written.slice(end), text)
}
