import { expect } from 'chai'
import { questionOf } from '../../src/report/report-data.js'

describe('the question of a report', () => {
  it('is what the first comments of the file ask, over as many lines as it takes', () => {
    const source = '// Question: which start is best,\n// and at what sizes?\n// Time: an hour.\nimport x from "y"\n'
    expect(questionOf(source)).to.equal('Which start is best, and at what sizes?')
    expect(questionOf(`#!/usr/bin/env node\n${source}`)).to.equal('Which start is best, and at what sizes?')
  })

  it('is not there where no first comment asks', () => {
    expect(questionOf('')).to.equal(null)
    expect(questionOf('// Nothing to ask.\n')).to.equal(null)
    expect(questionOf('import x from "y"\n// Question: too late?\n')).to.equal(null)
  })
})
