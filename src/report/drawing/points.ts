/** The points of figures: their symbols and the text that a reader gets when pointing at one. */
import { count, milliseconds, percentSpread } from '../../results/format.js'
import { describeLabels } from '../../results/group-results.js'
import type { ModelResult } from '../../results/model-results.js'
import { element, escapeXml } from './svg.js'
import { colour, type ColourRole } from './theme.js'

/** The text of a model's point: name, cell, scores, costs. */
export const describeModel = (model: ModelResult): string => {
  const times = model.latency.map(({ batch, medianMs }) => `, ${milliseconds(medianMs)} at batch ${batch}`).join('')
  const at = describeLabels(model.at)
  return [
    model.name,
    ...(at === '' ? [] : [at]),
    `top-1 ${percentSpread({ mean: model.top1, std: model.std.top1 })}${model.n > 1 ? ` (n = ${model.n})` : ''}`,
    `${count(model.params)} params, ${count(model.macs)} MACs${times}`,
    ...(model.dominated ? ['dominated'] : []),
  ].join('\n')
}

export const circle = (role: ColourRole, isFilled: boolean): string =>
  element('circle', {
    r: isFilled ? 4.5 : 3.5,
    fill: isFilled ? colour(role) : 'none',
    stroke: colour(role),
    'stroke-width': 1.5,
  })

export const diamond = (role: ColourRole, isFilled: boolean): string =>
  element('path', {
    d: 'M0 -6.5L6.5 0L0 6.5L-6.5 0Z',
    fill: isFilled ? colour(role) : colour('paper'),
    stroke: colour(isFilled ? 'paper' : role),
    'stroke-width': isFilled ? 1 : 1.5,
  })

/** A symbol with a text: its `title` element, which browsers show, and which the page's own script reads. */
export const point = (x: number, y: number, symbol: string, says: string): string =>
  element(
    'g',
    { transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`, class: 'gp-point' },
    element('title', {}, escapeXml(says)),
    symbol,
  )
