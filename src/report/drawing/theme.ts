/**
 * Colours by role, light and dark. Figures name roles; the page, or a figure's own file, says which colours they are.
 */

export type ColourRole = 'paper' | 'ink' | 'muted' | 'faint' | SeriesRole

/** Colours that tell series apart, for colour-blind readers too (after Okabe and Ito). */
type SeriesRole = 'c1' | 'c2' | 'c3' | 'c4' | 'c5' | 'c6' | 'c7' | 'c8'

export const light: Readonly<Record<ColourRole, string>> = {
  paper: '#ffffff',
  ink: '#1b1f24',
  muted: '#5b6470',
  faint: '#d5dae0',
  c1: '#0067b0',
  c2: '#c24e00',
  c3: '#008560',
  c4: '#a8468f',
  c5: '#8a6d00',
  c6: '#1487b8',
  c7: '#6b56c6',
  c8: '#6a6f76',
}

export const dark: Readonly<Record<ColourRole, string>> = {
  paper: '#14171b',
  ink: '#e8eaed',
  muted: '#a2abb6',
  faint: '#3a424c',
  c1: '#5fb2f2',
  c2: '#f59b57',
  c3: '#3fc99b',
  c4: '#e08fca',
  c5: '#e0c04a',
  c6: '#6fd0ee',
  c7: '#ab9cf5',
  c8: '#a9b0b8',
}

const allSeries: readonly SeriesRole[] = ['c1', 'c2', 'c3', 'c4', 'c5', 'c6', 'c7', 'c8']

/** The colour of the nth series; after eight they repeat. */
export const seriesRole = (index: number): SeriesRole => allSeries[index % allSeries.length]

/** A colour as a figure writes it: a CSS variable. */
export const colour = (role: ColourRole): string => `var(--gp-${role})`

export const cssVariables = (colours: Readonly<Record<ColourRole, string>>): string =>
  Object.entries(colours)
    .map(([role, value]) => `--gp-${role}:${value}`)
    .join(';')
