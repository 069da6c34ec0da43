import { expect } from 'chai'
import { openDrawing } from '../../src/report/drawing/plot.js'
import { lossFigure, validatedPanels, validationFigure } from '../../src/report/figures/loss-curves.js'

describe('loss curves', () => {
  it('call the ticks of their axis what they are', async () => {
    const panel = { title: 'distill/tiny', curves: [{ name: 'distill/tiny', history: [{ epoch: 1, loss: 9.4 }] }] }
    const { body } = lossFigure(await openDrawing(), [panel], 480)
    const texts = [...body.matchAll(/<text[^>]*>([^<]+)<\/text>/g)].map(([, text]) => text)
    expect(texts).to.include.members(['0', '2.5', '5.0', '7.5'])
  })

  it('have the validation loss among them and its top-1 beside them, of the stages that were scored', async () => {
    const line = (epoch: number, loss: number) => ({ epoch, loss, ce: loss, lr: 1e-3 })
    const scored = [
      { ...line(1, 2), validationTop1: 0.42, validationLoss: 1.9 },
      { ...line(2, 1), validationTop1: 0.48, validationLoss: 1.1 },
    ]
    const panels = [
      { title: 'teacher', curves: [{ name: 'teacher', history: scored }] },
      { title: 'stitch', curves: [{ name: 'stitch', history: [line(1, 2)] }] },
    ]
    const drawing = await openDrawing()
    const words = (body: string) => [...body.matchAll(/<text[^>]*>([^<]+)<\/text>/g)].map(([, text]) => text)
    const loss = words(lossFigure(drawing, panels, 480).body)
    expect(loss).to.include.members(['loss', 'ce', 'validation loss', 'teacher', 'stitch'])
    expect(loss).to.not.include('validationTop1')
    const validated = validatedPanels(panels)
    expect(validated.map(({ title }) => title)).to.deep.equal(['teacher'])
    expect(words(validationFigure(drawing, validated, 480).body)).to.include.members(['42', '44', '46', '48'])
  })
})
