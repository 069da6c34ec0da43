/** Observable Plot on a document of its own: each plot becomes a picture. The libraries are loaded on first use. */
import type * as Plot from '@observablehq/plot'
import { element, fontSize, type Picture } from './svg.js'
import { colour } from './theme.js'

/** The part of a DOM element that is used here; the compiler has no browser types. */
interface DrawnElement {
  readonly outerHTML: string
  readonly innerHTML: string
}

type PlotLibrary = typeof Plot

type PlotOptions = Plot.PlotOptions

interface PlotScale {
  readonly apply: (value: number) => number
}

export interface DrawnPlot extends Picture {
  readonly x: PlotScale
  readonly y: PlotScale
}

export interface Drawing {
  /** Plot's marks. */
  readonly marks: PlotLibrary
  /** A plot of this size with its scales. */
  readonly plot: (options: PlotOptions & { readonly width: number; readonly height: number }) => DrawnPlot
}

/** Loads the plotting library. */
export const openDrawing = async (): Promise<Drawing> => {
  const [marks, { parseHTML }] = await Promise.all([import('@observablehq/plot'), import('linkedom')])
  const { document } = parseHTML('<!doctype html><html><body></body></html>') as unknown as { readonly document: never }
  const plot: Drawing['plot'] = (options) => {
    const drawn: unknown = marks.plot({ ...options, document })
    const { innerHTML } = drawn as DrawnElement
    const { scale } = drawn as { readonly scale: (name: string) => PlotScale | undefined }
    const none: PlotScale = { apply: () => 0 }
    return {
      width: options.width,
      height: options.height,
      // Plot's style sheet would apply to the whole page; here every style is an attribute.
      body: element(
        'g',
        { 'font-size': fontSize, fill: colour('ink'), 'text-anchor': 'middle' },
        innerHTML.replace(/<style>[^]*?<\/style>/, ''),
      ),
      x: scale('x') ?? none,
      y: scale('y') ?? none,
    }
  }
  return { marks, plot }
}
