import { expect } from 'chai'
import type { DecayGroup } from '../../../src/dsl/nodes.js'
import { vitTensors } from '../../../src/stages/model/vit.js'
import { stitchTensors } from '../../../src/stages/stitching/grid.js'
import { layoutOf, type TensorDefinition } from '../../../src/stages/tensors/named-tensors.js'
import { transformTensors } from '../../../src/stages/training/feature-matching.js'
import { tinyConfig } from '../model-stage-runs.js'

const CONFIG = tinyConfig(8, 1)

const STITCHES = stitchTensors('stitch.0', CONFIG, CONFIG)

const TENSORS = [...vitTensors(CONFIG), ...STITCHES, ...transformTensors('map', 1, 8, 16)]

/** Names that weight decay leaves alone, in the order of the tensors. */
const spared = (tensors: readonly TensorDefinition[], undecayed?: readonly DecayGroup[]): readonly string[] => {
  const { slots, decayed } = layoutOf(tensors, undecayed)
  return slots.filter(({ offset }) => offset >= decayed).map(({ name }) => name)
}

const NORMS = ['norm1', 'norm2'].map((norm) => `blocks.0.${norm}`).concat('norm')

const LINEARS = ['attn.qkv', 'attn.proj', 'mlp.fc1', 'mlp.fc2'].map((part) => `blocks.0.${part}`)

const NAMES: Readonly<Record<DecayGroup, readonly string[]>> = {
  biases: ['patch_embed.proj', ...LINEARS, 'head', 'stitch.0', 'map.0'].map((name) => `${name}.bias`),
  norms: NORMS.flatMap((norm) => [`${norm}.weight`, `${norm}.bias`]),
  positions: ['pos_embed'],
  clsToken: ['cls_token'],
  stitches: ['stitch.0.weight'],
  transforms: ['map.0.weight'],
}

describe('weight decay', () => {
  for (const [group, names] of Object.entries(NAMES)) {
    it(`leaves nothing but ${group} alone when they are what is undecayed`, () => {
      expect(spared(TENSORS, [group as DecayGroup])).to.have.members(names)
    })
  }

  it('by default leaves biases, norms, positions and the cls token alone', () => {
    expect(spared(TENSORS)).to.have.members([...NAMES.biases, ...NAMES.norms, ...NAMES.positions, ...NAMES.clsToken])
  })

  it('of everything leaves no tensor out, and of tensors that all are spared takes none', () => {
    const all = layoutOf(TENSORS, [])
    expect(all.decayed).to.equal(all.size)
    expect(layoutOf(transformTensors('map', 1, 8, 16), ['biases', 'transforms']).decayed).to.equal(0)
  })

  it('keeps the order of the tensors within both halves, without gaps', () => {
    const { slots, size } = layoutOf(TENSORS, ['norms', 'stitches'])
    let next = 0
    for (const slot of slots) {
      expect(slot.offset).to.equal(next)
      next += slot.size
    }
    expect(next).to.equal(size)
    const place = (name: string) => TENSORS.findIndex((tensor) => tensor.name === name)
    const places = slots.map(({ name }) => place(name))
    const border = slots.findIndex(({ group }) => group === 'norms' || group === 'stitches')
    const ascending = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b)
    expect(places.slice(0, border)).to.deep.equal(ascending(places.slice(0, border)))
    expect(places.slice(border)).to.deep.equal(ascending(places.slice(border)))
  })
})
