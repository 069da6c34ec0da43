/** Makes src/stages/data/resize-kernel.ts of resize.wat beside it; a test holds that it is made of it. */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import wabt from 'wabt'

const place = new URL('../src/stages/data/', import.meta.url)

export const kernelText = async (): Promise<string> => {
  const { parseWat } = await wabt()
  const module = parseWat('resize.wat', readFileSync(new URL('resize.wat', place), 'utf8'), { simd: true })
  const { buffer } = module.toBinary({})
  module.destroy()
  return `/** The module of resize.wat, in base64. \`npm run build:kernel\` writes this file. */
export const RESIZE_KERNEL =
  '${Buffer.from(buffer).toString('base64')}'
`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL('resize-kernel.ts', place), await kernelText())
}
