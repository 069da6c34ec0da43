import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { generated } from '../../build/option-docs.js'

describe('the defaults in the comments of option tables, and docs/options.md', () => {
  it('are what the tables say: npm run docs:options writes them', async () => {
    for (const [path, text] of await generated()) expect(readFileSync(path, 'utf8'), path).to.equal(text)
  })
})
