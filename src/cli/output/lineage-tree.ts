/** A lineage as people read it: a tree, each artifact in full where it is met first; and as a graph for Graphviz. */
import { isObject } from '../../base/objects.js'
import { duration } from '../../results/format.js'
import type { AcceptedEdit } from '../../runtime/code/accepted-edits.js'
import type { Lineage, LineageArtifact, LineageInput } from '../../runtime/records/lineage.js'
import { describeCommit } from './describe-environment.js'

const short = (hash: string): string => hash.slice(0, 12)

const leaves = (value: unknown, path: string): readonly string[] => {
  if (isObject(value)) {
    return Object.entries(value).flatMap(([key, item]) => leaves(item, path === '' ? key : `${path}.${key}`))
  }
  return [`${path} ${typeof value === 'string' ? value : JSON.stringify(value)}`]
}

const mostWide = 110

/** The words with commas between, in lines of limited width. */
const wrapped = (words: readonly string[]): readonly string[] =>
  words.reduce<readonly string[]>((lines, word) => {
    const last = lines.at(-1)
    return last === undefined || last.length + word.length + 2 > mostWide
      ? [...lines, word]
      : [...lines.slice(0, -1), `${last}, ${word}`]
  }, [])

const whereMade = ({ made, run }: LineageArtifact): string => {
  const { environment } = run
  const how =
    made.goesOnFrom !== undefined
      ? `, the rest after ${short(made.goesOnFrom)}`
      : made.milestoneOf !== undefined
        ? `, left by ${short(made.milestoneOf)} on its way`
        : ''
  const took = `${made.at} in ${duration(made.ms)}${how}, node ${made.node}, ${made.platform}`
  if (environment === null) return `${took}, run ${run.run} (no record of its environment)`
  const commit = describeCommit(environment.git)
  const { host, processor } = environment.machine
  return `${took}, run ${run.run} by ${environment.who}@${host} (${processor})${commit === '' ? '' : `, git ${commit}`}`
}

const describeAccepted = ({ file, name, by, at, reason }: AcceptedEdit): string =>
  `${file}:${name} by ${by.name}, ${at}: ${reason}`

const detailsOf = (artifact: LineageArtifact): readonly string[] => {
  const { fingerprint, content, code, accepted, engine, sources, reads, trusts, params } = artifact
  const versions = Object.entries(engine?.versions ?? {}).map(([name, version]) => `${name} ${version}`)
  return [
    `fingerprint ${fingerprint}`,
    `content     ${content}`,
    `code        ${code}`,
    ...accepted.within.map((edit) => `accepted    ${describeAccepted(edit)}`),
    ...accepted.since.map((edit) => `accepted    since: ${describeAccepted(edit)}`),
    ...(engine === null ? [] : [`engine      ${engine.engine} on ${engine.device} (${versions.join(', ')})`]),
    `made        ${whereMade(artifact)}`,
    ...Object.entries(sources).map(([role, sha256]) => `source      ${role}, sha256 ${sha256}`),
    ...Object.entries(reads).map(([name, value]) => `read        ${name}, ${value ?? 'not there'}`),
    ...(trusts.length === 0 ? [] : [`vouches for ${trusts.join(', ')}`]),
    ...wrapped(leaves(params, '').filter((leaf) => leaf.trim() !== '')).map(
      (line, index) => `${index === 0 ? 'params      ' : '            '}${line}`,
    ),
  ]
}

/** The shorter training that this one went on from, where the store still has it. */
const shorterOf = (
  { made: { goesOnFrom } }: LineageArtifact,
  all: ReadonlyMap<string, LineageArtifact>,
): readonly (readonly [string, LineageInput])[] => {
  const shorter = goesOnFrom === undefined ? undefined : all.get(goesOnFrom)
  return shorter === undefined ? [] : [['goes on from', { content: shorter.content, made: [shorter.fingerprint] }]]
}

export const renderTree = ({ artifact, artifacts }: Lineage): string => {
  const byFingerprint = new Map(artifacts.map((each) => [each.fingerprint, each]))
  const shown = new Set<string>()
  const lines: string[] = []
  const walk = (fingerprint: string, head: string, indent: string, role: string, also: number): void => {
    const own = byFingerprint.get(fingerprint)!
    const several = also === 0 ? '' : `  (one of ${also + 1} stage runs that made these bytes)`
    const title = `${head}${role}${own.stage} (${own.kind}) ${short(fingerprint)}`
    if (shown.has(fingerprint)) {
      lines.push(`${title}  (above)${several}`)
      return
    }
    shown.add(fingerprint)
    lines.push(`${title}${several}`)
    const below: readonly (readonly [role: string, LineageInput])[] = [
      ...Object.entries(own.inputs).map(([input, read]) => [`${input} ←`, read] as const),
      ...shorterOf(own, byFingerprint),
    ]
    const bar = below.length === 0 ? '    ' : '│   '
    for (const line of detailsOf(own)) lines.push(`${indent}${bar}${line}`)
    below.forEach(([input, { content, made }], index) => {
      const isLast = index === below.length - 1
      const [branch, under] = isLast ? ['└─ ', '   '] : ['├─ ', '│  ']
      const [first, ...others] = made
      if (first === undefined) {
        lines.push(`${indent}${branch}${input} content ${short(content)}, which nothing in the store has made`)
      } else walk(first, `${indent}${branch}`, `${indent}${under}`, `${input} `, others.length)
    })
  }
  walk(artifact, '', '', '', 0)
  return lines.join('\n')
}

/** Edges go from what was read to what read it. */
export const renderDot = ({ artifacts }: Lineage): string => {
  const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`
  const nodes = artifacts.map(
    ({ fingerprint, stage, kind }) =>
      `  ${quoted(fingerprint)} [label=${quoted(`${stage} (${kind}) ${short(fingerprint)}`)}]`,
  )
  const edges = artifacts.flatMap(({ fingerprint, inputs, made: { goesOnFrom } }) => [
    ...(goesOnFrom === undefined ? [] : [`  ${quoted(goesOnFrom)} -> ${quoted(fingerprint)} [label="goes on from"]`]),
    ...Object.entries(inputs).map(
      ([input, { content, made }]) =>
        `  ${quoted(made[0] ?? content)} -> ${quoted(fingerprint)} [label=${quoted(input)}]`,
    ),
  ])
  return ['digraph lineage {', '  rankdir=LR', '  node [shape=box]', ...nodes, ...edges, '}'].join('\n')
}
