/** The files of a data set, opened by its source: labelled images of each split that the files have. */
import type { DataParams } from '../../dsl/nodes.js'
import { CIFAR_LABELS, openCifar } from './cifar.js'
import { openIdxPair } from './idx.js'
import type { LabelledImages, LabelledPictures } from './labelled-images.js'
import { openNpz } from './npz.js'
import { openPictureFolders } from './pictures.js'
import { readingFile } from './row-file.js'

/** Validation images are there where the files have a split of their own for them. */
export interface DataFiles {
  readonly train: LabelledImages | LabelledPictures
  readonly test: LabelledImages | LabelledPictures
  readonly validation?: LabelledImages | LabelledPictures
}

/** Reads the headers alone; `files` is by role, as `dataSources` names them. Rejects with a StageError. */
export const openDataFiles = async (
  params: DataParams,
  files: Readonly<Record<string, string>>,
): Promise<DataFiles> => {
  const { source } = params
  switch (source.type) {
    case 'mnist':
    case 'idx': {
      const layout = source.type === 'idx' ? source : {}
      return {
        train: await openIdxPair(files['trainImages'], files['trainLabels'], params, layout),
        test: await openIdxPair(files['testImages'], files['testLabels'], params, layout),
      }
    }
    case 'cifar10':
    case 'cifar100': {
      const labels = CIFAR_LABELS[source.type === 'cifar10' ? 'cifar10' : source.labels]
      const { test, ...train } = files
      return { train: await openCifar(Object.values(train), labels), test: await openCifar([test], labels) }
    }
    case 'pictures':
      return readingFile(files['train'] ?? 'emoji()', () => openPictureFolders({ ...params, source }, files))
    case 'npz': {
      const open = (split: 'train' | 'val' | 'test') => openNpz(files['arrays'], split, params)
      const validation = params.validation === 0 ? await open('val') : undefined
      return { train: (await open('train'))!, test: (await open('test'))!, ...(validation && { validation }) }
    }
  }
}
