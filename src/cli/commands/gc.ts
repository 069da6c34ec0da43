/** `genepool gc`: removes what no pipeline, suite or tagged run reaches, or says what it would remove. */
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import * as Argument from 'effect/cli/Argument'
import * as Command from 'effect/cli/Command'
import * as Flag from 'effect/cli/Flag'
import { bytes } from '../../results/format.js'
import { UsageError } from '../../runtime/errors.js'
import type { Manifest } from '../../runtime/store/manifest.js'
import { collectGarbage, type Garbage } from '../../runtime/upkeep/collect-garbage.js'
import { type FlagsOf, jsonFlag, storedFlags, switchFlag } from '../input/flags.js'
import { inStore } from '../input/inspect.js'
import { parseTarget } from '../input/target.js'
import { printJson, say } from '../output/print.js'
import { renderTable } from '../output/table.js'

const gcFlags = {
  roots: Argument.String('roots').pipe(
    Argument.withDescription('Pipelines, suites and cells to keep, besides all that have been run here'),
    Argument.variadic(),
  ),
  ...storedFlags,
  keepDays: Flag.Int('keep-days').pipe(
    Flag.withDescription('Keep what is younger than this many days, whoever needs it; default: 7'),
    Flag.withDefault(7),
  ),
  namedOnly: switchFlag('named-only', 'Keep for the definitions named here, tags and runs that go on, and no others'),
  all: switchFlag('all', 'Empty quarantine, whatever its age'),
  dryRun: switchFlag('dry-run', 'Say what would be removed, and remove nothing'),
  json: jsonFlag('Print one JSON object a line'),
  verbose: switchFlag('verbose', 'List every artifact; print stack traces with errors'),
}
type GcFlags = FlagsOf<typeof gcFlags>

/** Bytes of the artifacts' files, each once. */
const sizeOf = (manifests: Iterable<Manifest>): number => {
  const files = new Map<string, number>()
  for (const manifest of manifests) {
    for (const file of Object.values(manifest.files)) files.set(file.sha256, file.bytes)
  }
  return [...files.values()].reduce((sum, size) => sum + size, 0)
}

interface RootLine {
  readonly root: string
  readonly artifacts: number
  readonly bytes: number
}

const rootLines = ({ marks, manifests }: Garbage, keepDays: number): readonly RootLine[] =>
  [...marks.by].map(([root, kept]) => ({
    root: root === 'young' ? `made in the last ${keepDays === 1 ? 'day' : `${keepDays} days`}` : root.label,
    artifacts: kept.size,
    bytes: sizeOf([...kept].map((fingerprint) => manifests.get(fingerprint)!)),
  }))

interface GarbageLine {
  readonly what: string
  readonly number: number
  readonly bytes: number
}

const garbageLines = ({ artifacts, damaged, blobs, litter }: Garbage): readonly GarbageLine[] => {
  const byKind = new Map<string, GarbageLine>()
  for (const { what, bytes: size } of litter) {
    const line = byKind.get(what) ?? { what, number: 0, bytes: 0 }
    byKind.set(what, { what, number: line.number + 1, bytes: line.bytes + size })
  }
  return [
    { what: 'artifact', number: artifacts.length, bytes: 0 },
    { what: 'damaged manifest', number: damaged, bytes: 0 },
    { what: 'file of artifacts', ...blobs },
    ...byKind.values(),
  ].filter(({ number }) => number > 0)
}

const shownArtifacts = 20

const text = (garbage: Garbage, flags: GcFlags): string => {
  const lines = garbageLines(garbage)
  const freed = lines.reduce((sum, line) => sum + line.bytes, 0)
  const kept = renderTable<RootLine>(
    [
      { title: 'kept by', cell: ({ root }) => root, align: 'left' },
      { title: 'artifacts', cell: ({ artifacts }) => String(artifacts) },
      { title: 'size', cell: (line) => bytes(line.bytes) },
    ],
    rootLines(garbage, flags.keepDays),
  )
  const oldest = [...garbage.artifacts].sort((a, b) => (a.made.at < b.made.at ? -1 : 1))
  const shown = flags.verbose ? oldest : oldest.slice(0, shownArtifacts)
  const artifacts = renderTable<Manifest>(
    [
      { title: 'artifact', cell: ({ fingerprint }) => fingerprint.slice(0, 12), align: 'left' },
      { title: 'stage', cell: ({ stage }) => stage, align: 'left' },
      { title: 'made', cell: ({ made }) => made.at.slice(0, 16).replace('T', ' '), align: 'left' },
      { title: 'size', cell: (manifest) => bytes(sizeOf([manifest])) },
    ],
    shown,
  )
  const removed = renderTable<GarbageLine>(
    [
      { title: flags.dryRun ? 'would be removed' : 'removed', cell: ({ what }) => what, align: 'left' },
      { title: 'number', cell: ({ number }) => String(number) },
      { title: 'size', cell: (line) => bytes(line.bytes) },
    ],
    lines,
  )
  const more = oldest.length - shown.length
  const others = new Set([...garbage.marks.by].flatMap(([root, kept]) => (root === 'young' ? [] : [...kept])))
  const young = [...(garbage.marks.by.get('young') ?? [])].some((fingerprint) => !others.has(fingerprint))
  return [
    ...garbage.roots.warnings.map((warning) => `warning: ${warning}`),
    ...garbage.roots.gone.map(({ target }) => `${target.file} is gone: what it alone reached is not kept`),
    kept,
    ...(shown.length === 0 ? [] : ['', artifacts, ...(more === 0 ? [] : [`and ${more} more (--verbose lists them)`])]),
    '',
    ...(lines.length === 0 ? ['nothing to remove'] : [removed]),
    ...(young
      ? [`--keep-days 0 also removes what was made in the last ${flags.keepDays} days and nothing else keeps`]
      : []),
    flags.dryRun ? `${bytes(freed)} would be free; nothing was removed` : `${bytes(freed)} free`,
  ].join('\n')
}

const printLines = (garbage: Garbage, flags: GcFlags): void => {
  for (const warning of garbage.roots.warnings) printJson({ type: 'warning', message: warning })
  for (const { target } of garbage.roots.gone) printJson({ type: 'gone', file: target.file })
  for (const line of rootLines(garbage, flags.keepDays)) printJson({ type: 'kept', ...line })
  for (const manifest of garbage.artifacts) {
    const { fingerprint, stage, made } = manifest
    printJson({ type: 'artifact', fingerprint, stage, made: made.at, bytes: sizeOf([manifest]) })
  }
  for (const { what, path: place, bytes: size } of garbage.litter)
    printJson({ type: 'litter', what, path: place, bytes: size })
  const lines = garbageLines(garbage)
  printJson({
    type: 'gc-finished',
    removed: !flags.dryRun,
    kept: garbage.marks.kept.size,
    artifacts: garbage.artifacts.length,
    blobs: garbage.blobs.number,
    bytes: lines.reduce((sum, line) => sum + line.bytes, 0),
  })
}

const gc = Effect.fnUntraced(function* (flags: GcFlags) {
  const { engine, device, reuse, namedOnly, keepDays, all, dryRun } = flags
  if (keepDays < 0) return yield* new UsageError({ message: `--keep-days is ${keepDays}; it must be 0 or more` })
  if (namedOnly && flags.roots.length === 0) {
    return yield* new UsageError({
      message: '--named-only without a pipeline would keep nothing',
      hint: 'name what to keep',
    })
  }
  const named = flags.roots.map((label) => {
    const { file, cell } = parseTarget(label)
    return { label, file: path.resolve(file), cell, engine, device, reuse }
  })
  const garbage = yield* collectGarbage({ named, namedOnly, keepDays, all, dryRun })
  if (flags.json) printLines(garbage, flags)
  else say(text(garbage, flags))
  return undefined
})

export const gcCommand = Command.make('gc', gcFlags).pipe(
  Command.withDescription('Remove artifacts that no pipeline, suite or tagged run reaches'),
  Command.withExamples([
    { command: 'genepool gc --dry-run', description: 'What nothing that has been run here needs any more' },
    {
      command: 'genepool gc pipelines/paper.ts --named-only --keep-days 0',
      description: 'Keep one pipeline (and tags), remove the rest',
    },
  ]),
  Command.withHandler(inStore(gc)),
)
