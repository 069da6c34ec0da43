import { writeFileSync } from 'node:fs'
import { expect } from 'chai'
import { CIFAR_LABELS, openCifar } from '../../../src/stages/data/cifar.js'
import { failure } from '../failure.js'
import { tempFolder } from '../temp-folder.js'

/** Record `at`: labels, then planes of which the red one is all `at`, the green `at + 1`, the blue counts. */
const record = (at: number, labels: readonly number[]): number[] => [
  ...labels,
  ...Array.from({ length: 1_024 }, () => at),
  ...Array.from({ length: 1_024 }, () => at + 1),
  ...Array.from({ length: 1_024 }, (_, pixel) => pixel % 256),
]

describe("the binary version of CIFAR's files", () => {
  const folder = tempFolder()

  const write = (name: string, records: readonly (readonly number[])[]): string => {
    writeFileSync(folder.file(name), Uint8Array.from(records.flat()))
    return folder.file(name)
  }

  it('gives the rows that are asked for over several files, with pixels in place of planes', async () => {
    const first = write('1.bin', [record(0, [3]), record(1, [4])])
    const second = write('2.bin', [record(2, [5]), record(3, [6]), record(4, [7])])
    const images = await openCifar([first, second], CIFAR_LABELS.cifar10)
    expect(images.count).to.equal(5)
    const rows = Int32Array.of(1, 2, 4)
    expect([...(await images.labels(rows))]).to.deep.equal([4, 5, 7])
    const { pixels } = await images.read(rows)
    expect(pixels).to.have.length(3 * 3_072)
    expect([...pixels.subarray(0, 6)]).to.deep.equal([1, 2, 0, 1, 2, 1])
    expect([...pixels.subarray(3 * 3_072 - 3)]).to.deep.equal([4, 5, 255])
  })

  it('of a hundred classes has coarse labels before fine ones', async () => {
    const file = write('train.bin', [record(0, [19, 99]), record(1, [0, 20])])
    const labelsOf = async (kind: 'fine' | 'coarse'): Promise<number[]> => {
      const images = await openCifar([file], CIFAR_LABELS[kind])
      return [...(await images.labels(Int32Array.of(0, 1)))]
    }
    expect(await labelsOf('fine')).to.deep.equal([99, 20])
    expect(await labelsOf('coarse')).to.deep.equal([19, 0])
  })

  it('is refused where the length fits no records, or a label is no class', async () => {
    const cut = write('cut.bin', [record(0, [1]).slice(0, -1), []])
    expect(await failure(openCifar([cut], CIFAR_LABELS.cifar10))).to.contain(`${cut}: holds no records`)
    const long = write('long.bin', [record(0, [1]), [1, 2]])
    const sentence = `${long}: 3075 bytes are no whole number of records, which are 3073 bytes each`
    expect(await failure(openCifar([long], CIFAR_LABELS.cifar10))).to.contain(sentence)
    const other = await openCifar([write('other.bin', [record(0, [10])])], CIFAR_LABELS.cifar10)
    expect(await failure(other.labels(Int32Array.of(0)))).to.contain('label number 0 is 10, allowed are 0 to 9')
    expect(await failure(openCifar([folder.file('none')], CIFAR_LABELS.fine))).to.contain('none: no such file')
  })
})
