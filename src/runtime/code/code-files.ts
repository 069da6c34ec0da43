/** Which files are code, and what they are called in a flat program. */

/** What stands in front of a file's label: code, or a file by its bytes. */
export const spaces = { code: 'code', bytes: 'bytes' } as const

/** How a file that counts by its bytes is named in rewritten code. */
export const byteName = (specifier: string): string => `${spaces.bytes}:${specifier}`

const anyCode = /\.[cm]?[jt]sx?$/

export const isCode = (file: string): boolean => anyCode.test(file) && !file.endsWith('.d.ts')
