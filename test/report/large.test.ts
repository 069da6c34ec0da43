import { parseHTML } from 'linkedom'
import { expect } from 'chai'
import { openDrawing } from '../../src/report/drawing/plot.js'
import { accuracyFigure, type AccuracyOptions } from '../../src/report/figures/accuracy.js'
import { intervalFigure, intervalsLeftOut } from '../../src/report/figures/intervals.js'
import { appendix } from '../../src/report/write/page.js'
import { pageScript } from '../../src/report/write/page-script.js'
import type { ReportData } from '../../src/report/report-data.js'
import type { StageRecord } from '../../src/report/stage-records.js'
import type { GroupResult } from '../../src/results/group-results.js'
import { modelWith } from '../results/models.js'

const groupOf = (index: number): GroupResult => {
  const value = { cell: `c${index}`, seed: 1, value: index / 1000 }
  return {
    at: { cell: index },
    cells: 1,
    asked: 1,
    n: 1,
    over: 'all',
    leftOut: 0,
    missing: [],
    figures: { bestTop1: { mean: value.value, std: null, n: 1, values: [value] } },
  }
}

const stageOf = (index: number): StageRecord => ({
  name: `stage${index}`,
  role: 'stage',
  kind: 'distill',
  reads: [],
  cells: ['one'],
  status: 'run',
  params: {},
  fingerprint: null,
  content: null,
  engine: null,
  machine: null,
  made: null,
  summary: {},
  history: [],
})

/** What is needed of a document; the compiler has no types of browsers here. */
interface ParsedElement {
  readonly id: string
  getBoundingClientRect: () => object
  readonly dispatchEvent: (event: object) => unknown
}

interface Parsed {
  readonly Event: new (type: string) => object
  readonly document: {
    readonly querySelector: (selector: string) => ParsedElement
    readonly querySelectorAll: (selector: string) => Iterable<ParsedElement>
  }
}

const page = `<!doctype html><html><body><button id="theme"></button><div id="tip"></div><figure><svg>
  <g class="gp-point"><title>one</title></g><g class="gp-point"><title>two</title></g></svg></figure></body></html>`

const count = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0

describe('a very large report', () => {
  it('draws the best rows of an interval figure and says how many there are', async () => {
    const drawing = await openDrawing()
    const groups = Array.from({ length: 200 }, (_, index) => groupOf(index))
    const { body } = intervalFigure(drawing, { groups, figure: 'bestTop1', width: 960 })
    expect(count(body, /gp-point/g)).to.equal(60)
    expect(body).to.include('cell=199').and.not.include('cell=139<')
    expect(intervalsLeftOut(groups)).to.equal('Drawn are the first 60 of 200; the table has all.')
    expect(intervalsLeftOut(groups.slice(0, 60))).to.equal('')
  })

  it('has the parameters of the first stages and says where those of all are', () => {
    const data = (stages: number): ReportData =>
      ({
        stages: Array.from({ length: stages }, (_, index) => stageOf(index)),
        experiment: { kind: 'suite' },
      }) as unknown as ReportData
    expect(count(appendix(data(300)), /<details>/g)).to.equal(200)
    expect(appendix(data(300))).to.include('Shown are the first 200 of 300 stages')
    expect(appendix(data(200))).not.to.include('Shown are')
  })

  it('names single models only where it is told to', async () => {
    const drawing = await openDrawing()
    const models = [modelWith({ name: 'lonely', params: 5 }), modelWith({ name: 'other', params: 9 })]
    const options: AccuracyOptions = { models, references: [], cost: 'params', batch: 1, width: 960, named: false }
    expect(accuracyFigure(drawing, options).body).not.to.match(/>lonely<\/text>/)
    expect(accuracyFigure(drawing, { ...options, named: true }).body).to.match(/>lonely<\/text>/)
  })

  it('asks where a point is once, until the page moves', () => {
    const { document, Event } = parseHTML(page) as unknown as Parsed
    let asked = 0
    // A document without a layout knows no boxes.
    for (const element of [...document.querySelectorAll('.gp-point'), document.querySelector('#tip')]) {
      element.getBoundingClientRect = () => {
        asked += Number(element.id !== 'tip')
        return { left: 0, top: 0, right: 9, bottom: 9, width: 9, height: 9 }
      }
    }
    const listeners = new Map<string, () => void>()
    const listen = (type: string, listener: () => void): void => {
      const before = listeners.get(type)
      listeners.set(type, () => (before?.(), listener()))
    }
    const run = new Function('document', 'addEventListener', 'innerWidth', 'localStorage', pageScript)
    run(document, listen, 1000, { getItem: () => null, setItem: () => {} })
    const svg = document.querySelector('svg')
    const move = (): unknown =>
      svg.dispatchEvent(Object.assign(new Event('pointermove'), { clientX: 500, clientY: 500 }))
    move()
    move()
    expect(asked).to.equal(2)
    for (const type of ['scroll', 'resize']) {
      asked = 0
      listeners.get(type)!()
      move()
      expect(asked, type).to.equal(2)
    }
  })
})
