/**
 * Folders of pictures, a folder a class. Of pictures only the names are read here; that of a class's folder says what
 * the class is, in the order of names.
 */
import { basename, extname } from 'node:path'
import { foldersBelow } from '../../base/folder-files.js'
import { readWholeFile } from '../../base/files.js'
import { StageError } from '../../runtime/errors.js'

/** Names that end otherwise are passed over. */
export const ENDINGS = ['.jpg', '.jpeg', '.png', '.webp', '.avif']

export const isPicture = (name: string): boolean => ENDINGS.includes(extname(name).toLowerCase())

/** Pictures by path from their folder, `/` between its parts, each with its class. */
export interface PictureList {
  /** Names of the classes, in the order of their numbers. */
  readonly classes: readonly string[]
  readonly files: readonly string[]
  /** `[files]`. */
  readonly labels: Int32Array
}

/** Throws a StageError for a folder without pictures. `folder` ends with a separator. */
export const listPictures = (folder: string): PictureList => {
  const classes: string[] = []
  const paths: string[] = []
  const labels: number[] = []
  for (const { folder: below, files } of foldersBelow(folder)) {
    const [name] = below.split('/')
    const pictures = files.filter(isPicture)
    if (name === '' && pictures.length > 0) {
      throw new StageError({
        message: `${folder}${pictures[0]}: lies beside the folders of classes and is of none`,
        hint: 'a folder of pictures has a folder for each class',
      })
    }
    if (name !== '' && classes.at(-1) !== name) classes.push(name)
    for (const file of pictures) {
      paths.push(`${below}/${file}`)
      labels.push(classes.length - 1)
    }
  }
  const counts = new Set(labels)
  const empty = classes.find((_, label) => !counts.has(label))
  if (empty !== undefined) {
    throw new StageError({
      message: `${folder}${empty}: holds no picture`,
      hint: `pictures are files that end with ${ENDINGS.join(', ')}`,
    })
  }
  if (paths.length === 0) throw new StageError({ message: `${folder}: holds no folder of pictures` })
  return { classes, files: paths, labels: Int32Array.from(labels) }
}

/** Pictures of one folder whose classes a file tells: see `imagenet` for its forms. */
export const listWithTruth = (folder: string, truthFile: string, classes: readonly string[]): PictureList => {
  const files = [...foldersBelow(folder)].flatMap(({ folder: below, files: names }) =>
    below === '' ? names.filter(isPicture) : [],
  )
  const labelOf = new Map(classes.map((name, label) => [name, label]))
  const lines = readWholeFile(truthFile)
    .toString('utf8')
    .split(/\r?\n/)
    .filter((line) => line !== '')
  const refuse = (message: string, hint?: string): never => {
    throw new StageError({ message: `${truthFile}: ${message}`, ...(hint !== undefined && { hint }) })
  }
  if (/^\d+$/.test(lines[0] ?? '')) {
    refuse(
      'numbers its classes in an order that only a file of MATLAB tells',
      'write the name of its class for each picture, a line each: n01440764',
    )
  }
  const rows = lines.map((line) => line.split(/[\s,]+/))
  const named = new Map<string, string>()
  if (rows[0]?.length === 1) {
    if (rows.length !== files.length) refuse(`has ${rows.length} lines for ${files.length} pictures`)
    rows.forEach(([name], index) => named.set(files[index], name))
  } else {
    for (const [picture, name] of rows) named.set(basename(picture, extname(picture)), name)
  }
  const labels = Int32Array.from(files, (file) => {
    const name = named.get(file) ?? named.get(basename(file, extname(file))) ?? refuse(`says nothing of ${file}`)
    return labelOf.get(name) ?? refuse(`${file} is of ${name}, and no folder of training pictures is called that`)
  })
  return { classes, files, labels }
}
