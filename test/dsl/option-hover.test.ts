import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { Project, ts } from 'ts-morph'
import { documentedOptions, type DocumentedOption } from '../../build/option-docs.js'

const root = fileURLToPath(new URL('../../', import.meta.url))

const TAUGHT = "pipeline('p').data(mnist()).teacher(vit({ embedDim: 48, depth: 6, numHeads: 3 }), { epochs: 1 })"
const POOLED =
  `${TAUGHT}.distill({ a: { embedDim: 24, depth: 6, numHeads: 3 }, b: { embedDim: 48, depth: 6, ` +
  `numHeads: 3 } }, { epochs: 1 }).pool()`

const SHAPE = 'embedDim: 24, depth: 6, numHeads: 3'

/** Calls that take the options of a table, which stand for `§`. */
const CALLS: Readonly<Record<string, readonly string[]>> = {
  PIPELINE_OPTIONS: ["pipeline('p', { § })"],
  STAGE_OPTIONS: ["stage('s', { § })"],
  SUBSET_OPTIONS: ['mnist({ § })', 'idx({ § })'],
  IDX_OPTIONS: ['idx({ § })'],
  CIFAR100_OPTIONS: ["cifar100('c', { § })"],
  NPZ_OPTIONS: ["npz('n', { § })"],
  PICTURE_OPTIONS: ["imageFolder('a', 'b', { § })", "imagenet('i', { § })", 'emoji({ § })'],
  EMOJI_OPTIONS: ['emoji({ § })'],
  IMAGE_FOLDER_OPTIONS: ["imageFolder('a', 'b', { § })"],
  IMAGENET_OPTIONS: ["imagenet('i', { § })"],
  VIT_OPTIONS: [
    'vit({ § })',
    "pipeline('p').data(mnist()).anchors({ a: { § } }, { epochs: 1 })",
    `${TAUGHT}.anchors({ a: { § } }, { epochs: 1 })`,
    `${TAUGHT}.singles({ a: { § } }, { epochs: 1 })`,
  ],
  PRETRAINED_OPTIONS: [
    "pipeline('p').data(mnist()).teacher(some, { epochs: 1, § })",
    `pipeline('p').data(mnist()).anchors({ a: { ${SHAPE}, § } }, { epochs: 1 })`,
  ],
  RAND_AUGMENT_OPTIONS: [`${POOLED}.stitch({}, { epochs: 1, augment: { randAugment: { § } } })`],
  AUGMENT_OPTIONS: [`${POOLED}.stitch({}, { epochs: 1, augment: { § } })`],
  TRAIN_OPTIONS: [
    "pipeline('p').data(mnist()).teacher(some, { § })",
    `pipeline('p').data(mnist()).anchors({ a: { ${SHAPE} } }, { § })`,
    `pipeline('p').data(mnist()).anchors({ a: { ${SHAPE}, § } }, { epochs: 1 })`,
    `${TAUGHT}.distill({ a: { ${SHAPE} } }, { § })`,
    `${TAUGHT}.distill({ a: { ${SHAPE}, § } }, { epochs: 1 })`,
    `${TAUGHT}.singles({ a: { ${SHAPE} } }, { § })`,
    `${POOLED}.stitch({ from: 'a', to: 'b' }, { § })`,
  ],
  DISTILL_OPTIONS: [
    `${TAUGHT}.distill({ a: { ${SHAPE} } }, { epochs: 1, § })`,
    `${TAUGHT}.distill({ a: { ${SHAPE}, § } }, { epochs: 1 })`,
  ],
  STITCHED_OPTIONS: [`${POOLED}.stitch({ § }, { epochs: 1 })`],
  GRID_OPTIONS: [
    `${POOLED}.stitch({ from: 'a', to: 'b', § }, { epochs: 1 })`,
    `${TAUGHT}.singles({ a: { ${SHAPE} } }, { epochs: 1, § })`,
    'enumerateDescendants({ § })',
  ],
  STITCH_OPTIONS: [`${POOLED}.stitch({ from: 'a', to: 'b', § }, { epochs: 1 })`],
  SINGLE_OPTIONS: [`${TAUGHT}.singles({ a: { ${SHAPE} } }, { epochs: 1, § })`],
  LATENCY_OPTIONS: [`${POOLED}.stitch({ from: 'a', to: 'b' }, { epochs: 1 }).latency({ § })`],
  EVALUATE_OPTIONS: [`${POOLED}.stitch({ from: 'a', to: 'b' }, { epochs: 1 }).evaluate({ § })`],
  SUITE_OPTIONS: ["suite('s', { n: [1] }, () => pipeline('p').data(mnist()), { § })"],
}

/** Of the builders alone: the whole package would take five times as long to open. */
const HEAD = `import { cifar100, emoji, idx, imageFolder, imagenet, mnist, npz } from '../../src/dsl/data.js'
import { enumerateDescendants } from '../../src/dsl/descendants.js'
import { pipeline } from '../../src/dsl/pipeline.js'
import { stage } from '../../src/dsl/stage.js'
import { suite } from '../../src/dsl/suite.js'
import { vit } from '../../src/dsl/vit.js'
declare const some: never
`

/** All calls in one program, each with all options of its table, and where their names stand in it. */
const written = (options: readonly DocumentedOption[]) => {
  let text = HEAD
  const places = new Map<string, number>()
  for (const [table, calls] of Object.entries(CALLS)) {
    for (const call of calls) {
      const [before, after] = call.split('§')
      text += before
      for (const { name } of options.filter((option) => option.table === table)) {
        places.set(`${call} ${name}`, text.length)
        text += `${name}: some, `
      }
      text += `${after}\n`
    }
  }
  return { text, places }
}

describe('an editor, on hover over an option, shows its sentence and its default', () => {
  const options = documentedOptions()
  const { text, places } = written(options)
  let service: ts.LanguageService
  let file: string

  before(() => {
    const project = new Project({
      tsConfigFilePath: `${root}tsconfig.json`,
      skipAddingFilesFromTsConfig: true,
      compilerOptions: { types: [] },
    })
    file = project.createSourceFile(`${root}test/dsl/hover-program.ts`, text).getFilePath()
    service = project.getLanguageService().compilerObject
  })

  const shownOver = (place: number) => {
    const info = service.getQuickInfoAtPosition(file, place)
    const tag = info?.tags?.find((each) => each.name === 'default')
    const lineOf = (parts: ts.SymbolDisplayPart[] | undefined): string =>
      ts.displayPartsToString(parts).replace(/\s+/g, ' ')
    return [lineOf(info?.documentation), lineOf(tag?.text)]
  }

  for (const [table, calls] of Object.entries(CALLS)) {
    for (const call of calls) {
      it(`in ${call.replace(POOLED, '…').replace(TAUGHT, '…')}: ${table}`, () => {
        for (const { name, sentence, fallback } of options.filter((option) => option.table === table)) {
          expect(shownOver(places.get(`${call} ${name}`)!), name).to.deep.equal([
            sentence,
            fallback.replaceAll('`', ''),
          ])
        }
      })
    }
  }

  it('of every table', () => {
    expect(new Set(Object.keys(CALLS))).to.deep.equal(new Set(options.map(({ table }) => table)))
  })

  it('from the package too, whose declarations have the comments', () => {
    const plain = (comment: string): string => comment.replace(/^ *\* ?/gm, '').replace(/\s+/g, ' ')
    const shipped = plain(readFileSync(`${root}dist/dsl/option-tables.d.ts`, 'utf8'))
    for (const { name, comment } of options) expect(shipped, name).to.contain(plain(comment.getText()))
  })
})
