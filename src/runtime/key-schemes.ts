/** What went into a fingerprint, one sentence a scheme: why artifacts of another scheme are not found. */

/** The last is the scheme of this genepool (`keyScheme` in fingerprint.ts). */
export const keySchemes: Readonly<Record<number, string>> = {
  1: 'every version that an engine names, wherever it is imported',
  2: "an engine's versions only where it computes",
  3: 'every mode of the method as a parameter with its default',
  4: 'symbols instead of files',
}

export const describeScheme = (scheme: number): string => {
  const about = keySchemes[scheme]
  return about === undefined ? `scheme ${scheme}` : `scheme ${scheme} (${about})`
}
