import { expect } from 'chai'
import { openDrawing } from '../../src/report/drawing/plot.js'
import { lossFigure } from '../../src/report/figures/loss-curves.js'

describe('loss curves', () => {
  it('call the ticks of their axis what they are', async () => {
    const panel = { title: 'distill/tiny', curves: [{ name: 'distill/tiny', history: [{ epoch: 1, loss: 9.4 }] }] }
    const { body } = lossFigure(await openDrawing(), [panel], 480)
    const texts = [...body.matchAll(/<text[^>]*>([^<]+)<\/text>/g)].map(([, text]) => text)
    expect(texts).to.include.members(['0', '2.5', '5.0', '7.5'])
  })
})
