import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import type { TeacherParams } from '../../src/dsl/nodes.js'
import { anchor } from '../../src/stages/anchor.js'
import { teacher } from '../../src/stages/teacher.js'
import {
  failModelStage,
  runModelStage,
  syntheticData,
  teacherParams,
  tinyConfig,
  trainParams,
  type Given,
} from './model-stage-runs.js'
import { tempFolder } from './temp-folder.js'

describe('a model that learns from the labels', () => {
  const folder = tempFolder()
  const given = (out: string, changes: Partial<TeacherParams> = {}): Given<TeacherParams> => ({
    params: teacherParams(changes),
    inputs: { data: syntheticData(folder.file('data')) },
    outDir: folder.file(out),
  })
  const bytes = (path: string) => readFileSync(folder.file(path)).toString('hex')
  /** `weights` names what another stage left. */
  const from = (out: string, weights: string, changes: Partial<TeacherParams> = {}): Given<TeacherParams> => ({
    ...given(out, { weights: 'there', ...changes }),
    sources: { weights: folder.file(`${weights}/model.safetensors`), config: folder.file(`${weights}/config.json`) },
  })
  const still = { train: trainParams({ epochs: 0 }) }

  it('as an anchor says so, and starts from other numbers than a teacher of its shape and seed', async () => {
    await runModelStage(anchor, given('anchor'))
    await runModelStage(teacher, given('teacher'))
    expect(JSON.parse(readFileSync(folder.file('anchor/config.json'), 'utf8'))).to.include({ role: 'anchor' })
    expect(bytes('anchor/model.safetensors')).not.to.equal(bytes('teacher/model.safetensors'))
  })

  it('from pretrained weights and for no epochs is those weights, measured', async () => {
    const made = await runModelStage(teacher, given('made'))
    const taken = await runModelStage(teacher, from('taken', 'made', still))
    expect(bytes('taken/model.safetensors')).to.equal(bytes('made/model.safetensors'))
    expect(taken.summary['top1']).to.equal(made.summary['top1'])
  })

  it('from pretrained weights goes on training', async () => {
    await runModelStage(teacher, given('first'))
    await runModelStage(anchor, from('second', 'first'))
    expect(bytes('second/model.safetensors')).not.to.equal(bytes('first/model.safetensors'))
  })

  it('refuses weights of another model, and of another head count, naming what differs', async () => {
    await runModelStage(teacher, given('wide'))
    const narrow = await failModelStage(teacher, from('narrow', 'wide', { model: tinyConfig(8), ...still }))
    expect(narrow.message).to.match(
      /^there: its embedDim is 16, but the pipeline's model has 8: write { embedDim: 16, /,
    )
    const heads = await failModelStage(teacher, from('heads', 'wide', { model: tinyConfig(16, 3, 4), ...still }))
    expect(heads.message).to.contain("its numHeads is 2, but the pipeline's model has 4")
  })
})
