/** Folders of pictures as a data set: which pictures each split has. */
import type { DataParams, DataSource } from '../../dsl/nodes.js'
import { StageError } from '../../runtime/errors.js'
import { listEmoji } from './emoji.js'
import type { LabelledPictures } from './labelled-images.js'
import { listPictures, listWithTruth, type PictureList } from './picture-folder.js'
import { Generator } from './random.js'

type PictureSource = Extract<DataSource, { readonly type: 'pictures' }>

const openPictures = (folder: string, { files, labels }: PictureList): LabelledPictures => ({
  count: files.length,
  labels: (rows) => Promise.resolve(rows.map((row) => labels[row])),
  fileOf: (row) => `${folder}${files[row]}`,
})

/** The share of each class's pictures, drawn by the seed, and the others. */
const splitByClass = (list: PictureList, share: number, seed: number): { train: PictureList; test: PictureList } => {
  const byClass = list.classes.map((): number[] => [])
  list.labels.forEach((label, index) => byClass[label].push(index))
  const drawn = byClass.map((members, label) => {
    const count = Math.round(members.length * share)
    if (count === 0 || count === members.length) {
      throw new StageError({
        message: `split is ${share}: of the ${members.length} pictures of ${list.classes[label]} that leaves none to ${
          count === 0 ? 'test' : 'train'
        } on`,
        hint: 'choose a share that leaves pictures for both',
      })
    }
    return [...Generator.from(seed, 'split', list.classes[label]).sample(members.length, count)].map(
      (at) => members[at],
    )
  })
  const tested = new Set(drawn.flat())
  const part = (isTested: boolean): PictureList => {
    const indices = list.files.flatMap((_, index) => (tested.has(index) === isTested ? [index] : []))
    return {
      classes: list.classes,
      files: indices.map((index) => list.files[index]),
      labels: Int32Array.from(indices, (index) => list.labels[index]),
    }
  }
  return { train: part(false), test: part(true) }
}

/** `list` is of `folder`, `train` of `trainFolder`. */
const sameClasses = (list: PictureList, folder: string, train: PictureList, trainFolder: string): void => {
  const other = list.classes.find((name) => !train.classes.includes(name))
  if (other !== undefined) throw new StageError({ message: `${folder}${other}: is no class of ${trainFolder}` })
  const missing = train.classes.find((name) => !list.classes.includes(name))
  if (missing === undefined) return
  throw new StageError({ message: `${folder}: has no pictures of the class ${missing} of ${trainFolder}` })
}

/** Lists the pictures; none is read. `folders` is by role. */
export const openPictureFolders = (
  params: DataParams & { readonly source: PictureSource },
  folders: Readonly<Record<string, string>>,
): Readonly<Record<'train' | 'test', LabelledPictures>> & { readonly validation?: LabelledPictures } => {
  const { source, numClasses, seed } = params
  if (source.call === 'emoji') {
    const { train, test } = listEmoji(source.test, folders)
    return { train: openPictures('', train), test: openPictures('', test) }
  }
  const { train: folder, test: testFolder, validationFolder, groundTruth } = folders
  const all = listPictures(folder)
  if (all.classes.length !== numClasses) {
    throw new StageError({
      message: `${folder}: has ${all.classes.length} classes, declared are ${numClasses}`,
      hint: 'set numClasses of the data to the number of folders',
    })
  }
  const open = (at: string, list = listPictures(at)): LabelledPictures => {
    sameClasses(list, at, all, folder)
    return openPictures(at, list)
  }
  const validation = validationFolder === undefined ? {} : { validation: open(validationFolder) }
  if (typeof source.test !== 'string') {
    const { train, test } = splitByClass(all, source.test.split, seed)
    return { train: open(folder, train), test: open(folder, test), ...validation }
  }
  const truth = groundTruth === undefined ? undefined : listWithTruth(testFolder, groundTruth, all.classes)
  return { train: open(folder, all), test: open(testFolder, truth), ...validation }
}
