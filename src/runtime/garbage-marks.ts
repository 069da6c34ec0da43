/** Which artifacts are kept, and by what: those that a root names, those that are young, and what any of these was made from. */
import type { Root } from './garbage-roots.js'
import type { Manifest } from './manifest.js'

/** Artifacts by the root that keeps them; one may be kept by several. */
export interface Marks {
  readonly kept: ReadonlySet<string>
  readonly by: ReadonlyMap<Pick<Root, 'label' | 'kind'> | 'young', ReadonlySet<string>>
}

const dayMs = 86_400_000

/** The artifacts and, all the way up, those that have the contents that they were made from. */
const withInputs = (
  fingerprints: Iterable<string>,
  byFingerprint: ReadonlyMap<string, Manifest>,
  byContent: ReadonlyMap<string, readonly string[]>,
): ReadonlySet<string> => {
  const kept = new Set<string>()
  const contents = new Set<string>()
  const pending = [...fingerprints]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const manifest = byFingerprint.get(next)
    if (manifest === undefined || kept.has(next)) continue
    kept.add(next)
    for (const content of Object.values(manifest.identity.inputs)) {
      if (contents.has(content)) continue
      contents.add(content)
      pending.push(...(byContent.get(content) ?? []))
    }
  }
  return kept
}

/** `keepDays`: what was made so lately is kept whoever needs it. */
export const markKept = (
  manifests: readonly Manifest[],
  roots: readonly Root[],
  keepDays: number,
  now = Date.now(),
): Marks => {
  const byFingerprint = new Map(manifests.map((manifest) => [manifest.fingerprint, manifest]))
  const byContent = new Map<string, string[]>()
  for (const { content, fingerprint } of manifests) {
    const alike = byContent.get(content)
    if (alike === undefined) byContent.set(content, [fingerprint])
    else alike.push(fingerprint)
  }
  const young = manifests.filter(({ made }) => now - Date.parse(made.at) < keepDays * dayMs)
  const by = new Map<Pick<Root, 'label' | 'kind'> | 'young', ReadonlySet<string>>(
    roots.map((root) => [root, withInputs(root.fingerprints, byFingerprint, byContent)]),
  )
  const youngest = young.map(({ fingerprint }) => fingerprint)
  if (youngest.length > 0) by.set('young', withInputs(youngest, byFingerprint, byContent))
  return { kept: new Set([...by.values()].flatMap((kept) => [...kept])), by }
}
