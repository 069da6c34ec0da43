/**
 * Writes what follows from the tables of options (src/dsl/option-tables.ts): the `@default` of their comments and the
 * tables of docs/options.md, which stand between `<!-- NAME_OF_THE_TABLE -->` and `<!-- end -->`.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { format, resolveConfig } from 'prettier'
import { ts } from 'ts-morph'
import * as exported from '../src/dsl/option-tables.js'
import type { OptionTable } from '../src/dsl/options.js'

const pathOf = (file: string): string => fileURLToPath(new URL(`../${file}`, import.meta.url))
const TABLES = 'src/dsl/option-tables.ts'
const DOCS = 'docs/options.md'

export interface DocumentedOption {
  readonly table: string
  readonly name: string
  readonly sentence: string
  /** What may be written, and the default, in Markdown; the default is empty where the option must be written. */
  readonly values: string
  readonly fallback: string
  /** Where its comment stands in the source of the tables. */
  readonly comment: ts.JSDoc
}

const tables = new Map<string, unknown>(Object.entries(exported))

/** Every option of every table, in the order in which they are written. */
export const documentedOptions = (): readonly DocumentedOption[] => {
  const text = readFileSync(pathOf(TABLES), 'utf8')
  const { statements } = ts.createSourceFile(TABLES, text, ts.ScriptTarget.Latest, true)
  const declarations = statements.filter(ts.isVariableStatement).flatMap((each) => each.declarationList.declarations)
  return declarations.flatMap(({ name: declared, initializer }) => {
    const table = declared.getText()
    if (!tables.has(table) || initializer === undefined || !ts.isObjectLiteralExpression(initializer)) return []
    return initializer.properties.map((property) => {
      const name = property.name?.getText() ?? ''
      const option = (tables.get(table) as OptionTable)[name]
      const comment = ts.getJSDocCommentsAndTags(property).find(ts.isJSDoc)
      const sentence = ts.getTextOfJSDocComment(comment?.comment)?.replace(/\s+/g, ' ').trim()
      if (option === undefined || comment === undefined || sentence === undefined) {
        throw new Error(`${TABLES}: ${table}.${name} has no sentence: write /** … */ above it`)
      }
      return { table, name, sentence, values: option.values, fallback: option.fallback, comment }
    })
  })
}

/** Lines of at most 120 characters. */
const wrapped = (text: string): readonly string[] =>
  text.split(' ').reduce<string[]>((lines, word) => {
    const line = `${lines.at(-1) ?? '   *'} ${word}`
    return line.length <= 120 && lines.length > 0 ? [...lines.slice(0, -1), line] : [...lines, `   * ${word}`]
  }, [])

const commentOf = ({ sentence, fallback }: DocumentedOption): string => {
  // Editors show what follows the tag as code.
  const tag = fallback === '' ? '' : `@default ${fallback.replaceAll('`', '')}`
  const short = `/** ${sentence}${tag && ` ${tag}`} */`
  if (short.length <= 118) return short
  return ['/**', ...wrapped(sentence), ...(tag === '' ? [] : wrapped(tag)), '   */'].join('\n')
}

const cell = (text: string): string => text.replaceAll('|', '\\|').replace(/docs\/([\w-]+\.md)/g, '[$1]($1)')

const tableOf = (options: readonly DocumentedOption[]): string =>
  [
    '| option | default | what may be written | what it is |',
    '| --- | --- | --- | --- |',
    ...options.map(({ name, sentence, values, fallback }) => {
      const cells = [`\`${name}\``, fallback === '' ? 'required' : fallback, values, sentence]
      return `| ${cells.map(cell).join(' | ')} |`
    }),
  ].join('\n')

/** The text that each of these files should have. */
export const generated = async (): Promise<ReadonlyMap<string, string>> => {
  const options = documentedOptions()
  const source = [...options].reverse().reduce(
    (text, option) => {
      return text.slice(0, option.comment.pos) + commentOf(option) + text.slice(option.comment.end)
    },
    readFileSync(pathOf(TABLES), 'utf8'),
  )
  const missing = new Set(options.map(({ table }) => table))
  const docs = readFileSync(pathOf(DOCS), 'utf8').replace(/<!-- (\w+) -->[^]*?<!-- end -->/g, (_, table: string) => {
    if (!missing.delete(table)) throw new Error(`${DOCS}: ${table} is no table of ${TABLES}, or stands there twice`)
    return `<!-- ${table} -->\n\n${tableOf(options.filter((option) => option.table === table))}\n\n<!-- end -->`
  })
  if (missing.size > 0) throw new Error(`${DOCS} has no <!-- ${[...missing].join(' -->, <!-- ')} -->`)
  const config = await resolveConfig(pathOf(DOCS))
  return new Map([
    [pathOf(TABLES), source],
    [pathOf(DOCS), await format(docs, { ...config, parser: 'markdown' })],
  ])
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  void generated().then((files) => files.forEach((text, path) => writeFileSync(path, text)))
}
