import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect } from 'chai'
import { checkout } from './support/workspace.js'

const pages = ['README.md', 'bench/README.md', ...readdirSync(join(checkout, 'docs')).map((name) => `docs/${name}`)]

/** Links to files, and paths below src, test, bench and pipelines that are named in code marks. */
const namedIn = (page: string): readonly string[] => {
  const text = readFileSync(join(checkout, page), 'utf8')
  const links = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, to]) => join(dirname(page), to!))
  const paths = [...text.matchAll(/`((?:src|test|bench|pipelines|build)\/[\w./-]+)`/g)].map(([, path]) => path!)
  return [...links, ...paths.filter((path) => !path.includes('NAME'))]
}

describe('the documentation', () => {
  for (const page of pages) {
    it(`names only files that are there: ${page}`, () => {
      expect(namedIn(page).filter((path) => !existsSync(join(checkout, path)))).to.deep.equal([])
    })
  }

  it('fits its first page into 200 lines', () => {
    expect(readFileSync(join(checkout, 'README.md'), 'utf8').split('\n').length).to.be.at.most(200)
  })
})
