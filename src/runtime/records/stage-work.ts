/**
 * How much stages have to do, as far as is known before they run: by that what one took tells of another. Only time
 * that was spent in reported steps grows with it; starting, loading and compiling take as long for little work as for
 * much.
 */
import type { StageNode } from '../../dsl/nodes.js'
import { isUserStageNode } from '../definition/user-stage.js'
import type { ImagesOf } from '../plan/foresee.js'
import type { PreparedStage } from '../plan/prepare.js'
import type { ImageWork, Progress } from '../stage-contract.js'

/** Parameters that say how much a stage has to do; a stage of the user's own may call its so too. */
interface Telling {
  readonly train?: { readonly epochs?: unknown; readonly batchSize?: unknown }
  readonly epochs?: unknown
  readonly take?: unknown
}

/** Null is what nobody knows. */
export interface StageWork extends ImageWork {
  readonly epochs: number
  readonly batchSize: number
  /** Images that it learns from, and those that it is tested on. */
  readonly images: number | null
  readonly testImages: number | null
}

/** What there are more steps of: images, each once an epoch; images, once; or models alone. */
type GrowsWith = 'epochs' | 'images' | 'testImages' | 'models'

/** A phase of a stage, by the steps that it reported. */
export interface PhaseTime {
  readonly phase: string
  /** All of its steps, without what was slow because something was made ready. */
  readonly ms: number
  readonly growsWith: GrowsWith
}

/** Stages of the user's own are each a kind. */
export const timedKind = (node: StageNode): string => (isUserStageNode(node) ? `stage ${node.call.name}` : node.kind)

/** By what the phase reports. A stage of the user's own may report less; its parameters hold for all of its phases. */
export const growthOf = (node: StageNode, { phase, epochs, images }: Progress): GrowsWith => {
  if (epochs !== undefined || isUserStageNode(node)) return 'epochs'
  if (images === undefined) return 'models'
  return phase === 'evaluate' ? 'testImages' : 'images'
}

/** Asked once a stage: two stages may be joined by more ways than can be counted. */
const takenBy = new WeakMap<StageNode, { readonly images: number | null }>()

/** Images of a subset of known size that the stage, or what it reads, asks for. */
const takenBehind = (node: StageNode): number | null => {
  const known = takenBy.get(node)
  if (known !== undefined) return known.images
  const { take } = node.params as Telling
  let images = typeof take === 'number' ? take : null
  for (const input of Object.values(node.inputs)) images ??= takenBehind(input)
  takenBy.set(node, { images })
  return images
}

const positive = (value: unknown): number => (typeof value === 'number' && value > 0 ? value : 1)

export const workOf = (
  { node, kind }: { readonly node: StageNode; readonly kind: Pick<PreparedStage['kind'], 'work'> },
  images: ImagesOf,
): StageWork => {
  const { train, epochs } = node.params as Telling
  const counts = images(node)
  return {
    ...(kind.work?.(node) ?? { models: 1, macs: 1 }),
    epochs: positive(train?.epochs ?? epochs),
    batchSize: positive(train?.batchSize),
    images: counts?.train ?? takenBehind(node),
    testImages: counts?.test ?? null,
  }
}

const ratio = (wanted: number | null, known: number | null): number =>
  wanted === null || known === null ? 1 : Math.max(1, wanted) / Math.max(1, known)

/** A pass back computes twice as much as the pass forward. */
const passes = 3

/** Multiply-accumulates of all steps of such a phase; undefined where that is not known. */
const macsIn = ({ macs, models, epochs, images, testImages }: StageWork, growsWith: GrowsWith): number | undefined => {
  if (growsWith === 'models') return undefined
  const counted = growsWith === 'testImages' ? testImages : images
  if (counted === null) return undefined
  return macs * models * counted * (growsWith === 'epochs' ? passes * epochs : 1)
}

/**
 * Multiply-accumulates that an engine computes in a millisecond when it has nothing else to do: two cores of today with
 * compiled kernels, or with plain JavaScript, and a small GPU.
 */
const macsPerMs = (engine: string | null): number =>
  engine === 'cpu/cpu' ? 3e5 : (engine?.endsWith('/cpu') ?? true) ? 4e7 : 1e9

/** Where nobody knows how much was computed. */
const unknownShare = 0.5

/**
 * How many times as long as in `known`, on this engine, the phase is expected to take in a stage with the work
 * `wanted`. Of a step only the share grows with the model that goes into multiply-accumulates, nearly nothing with a
 * small one and nearly all with a large one; the rest (calling kernels, copying) is the same for all models.
 */
export const workRatio = (
  wanted: StageWork,
  known: StageWork,
  { growsWith, ms }: PhaseTime,
  engine: string | null,
): number => {
  const trains = growsWith === 'epochs'
  const macs = macsIn(known, growsWith)
  const share = macs === undefined ? unknownShare : Math.min(1, macs / macsPerMs(engine) / Math.max(1, ms))
  const size = (work: StageWork): number => work.macs * (trains ? work.batchSize : 1)
  const perStep = (1 + share * (ratio(size(wanted), size(known)) - 1)) * ratio(wanted.models, known.models)
  if (growsWith === 'models') return perStep
  if (!trains) return perStep * ratio(wanted[growsWith], known[growsWith])
  const batches = ratio(wanted.images, known.images) / ratio(wanted.batchSize, known.batchSize)
  return perStep * batches * ratio(wanted.epochs, known.epochs)
}
