/** What a file is that was given as safetensors and is something else, by its first bytes. */
import { basename, dirname, join } from 'node:path'

/** So many bytes of a file's start are enough. */
export const STARTING_BYTES = 256

/** For a shell; a name with anything unusual in it is left to the user. */
const quoted = (path: string): string => (/^[\w./ -]+$/.test(path) ? `'${path}'` : `'FILE'`)

/** The shell command that turns a PyTorch file into a safetensors file beside it. */
const converting = (path: string): string => {
  const target = join(dirname(path), 'model.safetensors')
  return (
    `python -c "import sys, torch; from safetensors.torch import save_file; ` +
    `w = torch.load(sys.argv[1], map_location='cpu', weights_only=True); w = w.get('model', w); ` +
    `save_file({k: v.clone().contiguous() for k, v in w.items()}, sys.argv[2])" ${quoted(path)} ${quoted(target)}`
  )
}

const asText = (start: Uint8Array): string => Buffer.from(start).toString('latin1')

/** What the file is and what to do, as the end of a sentence; undefined where nothing is known of it. */
export const otherFormat = (start: Uint8Array, path: string): string | undefined => {
  const text = asText(start)
  if (text.startsWith('version https://git-lfs.github.com/')) {
    return 'is a Git LFS pointer, not the weights themselves: run git lfs pull in its repository'
  }
  if (/^\s*<(!doctype|html|\?xml)/i.test(text)) {
    return `is a web page, not weights: what was downloaded as ${basename(path)} is the page about it`
  }
  // A zip archive, or a pickle of protocol 2 or above.
  const isZip = text.startsWith('PK\x03\x04')
  if (isZip || (start[0] === 0x80 && start[1] >= 2 && start[1] <= 5)) {
    return `is a file of PyTorch's, and could run any program when it is read; convert it: ${converting(path)}`
  }
  return undefined
}
