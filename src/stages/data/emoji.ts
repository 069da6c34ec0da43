/** Pictures of the npm packages `emoji-datasource-*`: emoji as several vendors have drawn them, by category. */
import { isObject } from '../../base/objects.js'
import { readWholeFile } from '../../base/files.js'
import { EMOJI_CATEGORIES, EMOJI_VENDORS, type EmojiVendor } from '../../dsl/option-tables.js'
import { StageError } from '../../runtime/errors.js'
import type { PictureList } from './picture-folder.js'

/** Which of these does a vendor's list have a drawing of, and where; `list` is the package's `emoji.json`. */
const drawingsOf = (vendor: EmojiVendor, folder: string, list: string): { file: string; label: number }[] => {
  let entries: unknown
  try {
    entries = JSON.parse(readWholeFile(list).toString('utf8'))
  } catch (cause) {
    throw new StageError({ message: `${list}: is not JSON`, path: list, cause })
  }
  const drawings = (Array.isArray(entries) ? entries : []).flatMap((entry: unknown) => {
    if (!isObject(entry) || entry[`has_img_${vendor}`] !== true) return []
    const label = EMOJI_CATEGORIES.indexOf(String(entry['category']))
    // The category Component holds parts of other emoji: colours of skin and hair.
    return label === -1 ? [] : [{ file: `${folder}${String(entry['image'])}`, label }]
  })
  if (drawings.length > 0) return drawings
  throw new StageError({ message: `${list}: names no drawing of ${vendor}`, path: list })
}

/** All drawings of `test`, and all of the others to train on. `files` is by role, as `emojiSources` names them. */
export const listEmoji = (
  test: EmojiVendor,
  files: Readonly<Record<string, string>>,
): { readonly train: PictureList; readonly test: PictureList } => {
  const list = (vendors: readonly EmojiVendor[]): PictureList => {
    const drawings = vendors.flatMap((vendor) => drawingsOf(vendor, files[vendor], files[`${vendor}List`]))
    return {
      classes: EMOJI_CATEGORIES,
      files: drawings.map(({ file }) => file),
      labels: Int32Array.from(drawings, ({ label }) => label),
    }
  }
  return { train: list(EMOJI_VENDORS.filter((vendor) => vendor !== test)), test: list([test]) }
}
