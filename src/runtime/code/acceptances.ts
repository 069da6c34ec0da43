/** Which accepted edits have to do with an artifact: for its lineage. */
import { readAcceptedEdits, type AcceptedEdit } from './accepted-edits.js'
import { acceptedPath, readCodeRecord } from './record-store.js'

export interface Acceptances {
  /** In force when the artifact was made: its code had these edits, and its identity names it without them. */
  readonly within: readonly AcceptedEdit[]
  /** In force now: code with these edits is taken to be the code that made the artifact. */
  readonly since: readonly AcceptedEdit[]
}

/** Of the store in `root`; `digest` is `identity.code` of the artifact's manifest. */
export const acceptancesOf = (root: string, digest: string): Acceptances => {
  const edits = readAcceptedEdits(acceptedPath(root))
  const record = edits.length === 0 ? undefined : readCodeRecord(root, digest)
  if (record === undefined) return { within: [], since: [] }
  const within = edits.filter(({ id }) => record.accepted.some((each) => each.id === id))
  const counts = ({ revokedAt, changes: [{ key, from }] }: AcceptedEdit): boolean =>
    revokedAt === undefined && from !== null && record.symbols[key]?.hash === from
  return { within, since: edits.filter((edit) => counts(edit) && !within.includes(edit)) }
}
