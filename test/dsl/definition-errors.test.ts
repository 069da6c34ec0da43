import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { DefinitionError, idx, mnist, pipeline, vit } from '../../src/index.js'
import type { DistillOptions, StitchOptions, StudentOptions, TrainOptions } from '../../src/index.js'

const THIS_FILE = fileURLToPath(import.meta.url)
const SOURCE = readFileSync(THIS_FILE, 'utf8').split('\n')

const taught = pipeline('errors')
  .data(mnist())
  .teacher(vit({ embedDim: 48, depth: 6, numHeads: 3 }), { epochs: 1 })

const pooled = taught
  .distill(
    {
      tiny: { embedDim: 24, depth: 6, numHeads: 3 },
      flat: { embedDim: 36, depth: 4, numHeads: 3, loss: 'logits' },
      base: { embedDim: 48, depth: 6, numHeads: 3 },
      twin: { embedDim: 24, depth: 6, numHeads: 3 },
    },
    { epochs: 1 },
  )
  .pool()

// What JavaScript users can write although it does not compile goes through these, without types.
const data = (options: object) => mnist(options)
const files = { trainImages: 'a', trainLabels: 'b', testImages: 'c', testLabels: 'd' }
const model = (options: object) => vit({ embedDim: 48, depth: 6, numHeads: 3, ...options })
const teacher = (train: object) =>
  pipeline('errors')
    .data(mnist())
    .teacher(vit({ embedDim: 48, depth: 6, numHeads: 3 }), { epochs: 4, ...train } as TrainOptions)
const student = (options: object, shared: object = {}) =>
  taught.distill({ tiny: { embedDim: 24, depth: 6, numHeads: 3, ...options } as StudentOptions }, {
    epochs: 4,
    ...shared,
  } as DistillOptions)
const named = (name: string) => taught.distill({ [name]: { embedDim: 24, depth: 6, numHeads: 3 } }, { epochs: 4 })
const stitch = (options: object, train: object = {}) =>
  pooled.stitch(
    { from: 'tiny', to: 'base', ...options } as { from: never; to: never } & StitchOptions,
    { epochs: 0, ...train } as TrainOptions,
  )

/** [what is written, the call that is pointed at, what the message says] */
type Case = readonly [write: () => unknown, call: string, message: string]

const cases: Readonly<Record<string, readonly Case[]>> = {
  'a pipeline': [
    [() => pipeline(''), 'pipeline', 'pipeline: its name is "", which cannot name a file'],
    [() => pipeline('a/b'), 'pipeline', 'pipeline: its name is "a/b", which cannot name a file'],
    [() => pipeline('nul'), 'pipeline', 'pipeline: its name is "nul"'],
    [() => pipeline('x', { seed: -1 }), 'pipeline', 'pipeline.seed is -1: write a whole number, 0 or more'],
    [() => pipeline('x', { seed: 2 ** 53 }), 'pipeline', 'pipeline.seed is 9007199254740992: write'],
  ],
  data: [
    [() => data({ take: 0 }), 'mnist', 'mnist.take is 0: write a whole number, 1 or more'],
    [() => data({ take: 60_001 }), 'mnist', 'mnist.take is 60001, but there are 60000: write fewer'],
    [
      () => data({ validation: 1.5 }),
      'mnist',
      'mnist.validation is 1.5: write a number from 0 to below 1, or a whole number of images',
    ],
    [() => data({ takeTets: 1 }), 'mnist', 'mnist.takeTets is not an option: did you mean takeTest?'],
    [() => idx({ ...files, trainLabels: '' }), 'idx', 'idx.trainLabels is "": write a text that is not empty'],
    [() => idx({ ...files, numClasses: 2.5 }), 'idx', 'idx.numClasses is 2.5: write a whole number, 1 or more'],
    [() => pipeline('x').data({} as never), 'data', 'data is {}: write .data(mnist())'],
  ],
  'a model': [
    [() => model({ numHeads: 5 }), 'vit', 'vit.numHeads is 5, which does not divide embedDim 48: write a divisor'],
    [() => model({ depth: 1.5 }), 'vit', 'vit.depth is 1.5: write a whole number, 1 or more'],
    [() => model({ embedDim: undefined }), 'vit', 'vit.embedDim is missing: write a whole number, 1 or more'],
    [() => model({ embedDim: '48' }), 'vit', 'vit.embedDim is "48": write a whole number, 1 or more'],
    [() => model({ mlpRatio: 2.33 }), 'vit', 'vit.mlpRatio is 2.33: write a number above 0 that makes mlpRatio'],
    [() => model({ layerNormEps: 0 }), 'vit', 'vit.layerNormEps is 0: write a finite number above 0'],
    [
      () => model({ weightStart: { type: 'zeros' } }),
      'vit',
      'vit.weightStart.type is "zeros": write \'truncatedNormal\'',
    ],
    [() => model({ weightStart: { type: 'xavierUniform', std: 1 } }), 'vit', 'vit.weightStart.std does not go with'],
    [
      () =>
        pipeline('x')
          .data(mnist())
          .teacher(vit({ embedDim: 48, depth: 6, numHeads: 3, patchSize: 16 }), { epochs: 1 }),
      'teacher',
      'vit.patchSize is 16, which does not divide imageSize 28: write one of 1, 2, 4, 7, 14',
    ],
    [
      () =>
        pipeline('x')
          .data(mnist())
          .teacher({ embedDim: 48 } as never, { epochs: 1 }),
      'teacher',
      'teacher has {"embedDim":48} for its model: write vit({ embedDim, depth, numHeads })',
    ],
  ],
  training: [
    [() => teacher({ epochs: undefined }), 'teacher', 'teacher.epochs is missing: write a whole number, 1 or more'],
    [() => teacher({ epochs: 0 }), 'teacher', 'teacher.epochs is 0: write a whole number, 1 or more'],
    [() => teacher({ epochs: 1.5 }), 'teacher', 'teacher.epochs is 1.5: write'],
    [() => teacher({ batchSize: 0 }), 'teacher', 'teacher.batchSize is 0: write a whole number, 1 or more'],
    [() => teacher({ lr: NaN }), 'teacher', 'teacher.lr is NaN: write a finite number above 0'],
    [() => teacher({ lr: -1e-3 }), 'teacher', 'teacher.lr is -0.001: write a finite number above 0'],
    [() => teacher({ lr: Infinity }), 'teacher', 'teacher.lr is Infinity: write a finite number above 0'],
    [() => teacher({ lr: null }), 'teacher', 'teacher.lr is null: write a finite number above 0'],
    [() => teacher({ minLr: 1 }), 'teacher', 'teacher.minLr is 1, above lr 0.0005: write 0.0005 or less'],
    [() => teacher({ warmupLr: 1 }), 'teacher', 'teacher.warmupLr is 1, above lr 0.0005: write 0.0005 or less'],
    [() => teacher({ warmupEpochs: 5 }), 'teacher', 'teacher.warmupEpochs is 5, above epochs 4: write 4 or less'],
    [
      () => teacher({ warmupEpochs: 0.5, scheduleBy: 'epoch' }),
      'teacher',
      "teacher.warmupEpochs is 0.5: write a whole number of epochs, or scheduleBy: 'step'",
    ],
    [() => teacher({ beta2: 1 }), 'teacher', 'teacher.beta2 is 1: write a number from 0 to below 1'],
    [() => teacher({ weightDecay: -0.1 }), 'teacher', 'teacher.weightDecay is -0.1: write a finite number, 0 or more'],
    [() => teacher({ learningRate: 1 }), 'teacher', 'teacher.learningRate is not an option: write one of weights,'],
    [() => teacher({ accumulate: 0 }), 'teacher', 'teacher.accumulate is 0: write a whole number, 1 or more'],
    [() => teacher({ clipNorm: 0 }), 'teacher', 'teacher.clipNorm is 0: write a finite number above 0'],
    [() => teacher({ emaDecay: 1 }), 'teacher', 'teacher.emaDecay is 1: write a number from 0 to below 1'],
    [() => teacher({ dropPath: 1 }), 'teacher', 'teacher.dropPath is 1: write a number from 0 to below 1'],
    [() => teacher({ labelSmoothing: 1.5 }), 'teacher', 'teacher.labelSmoothing is 1.5: write a number from 0 to 1'],
    [() => teacher({ undecayed: ['bias'] }), 'teacher', 'teacher.undecayed has "bias": did you mean \'biases\'?'],
    [
      () => teacher({ undecayed: 'biases' }),
      'teacher',
      "teacher.undecayed is \"biases\": write a list of 'biases', 'norms',",
    ],
  ],
  distillation: [
    [() => student({ numHeads: 5 }), 'distill', 'distill.tiny.numHeads is 5, which does not divide embedDim 24'],
    [() => student({ embedDim: 96 }), 'distill', "distill.tiny.embedDim is 96, wider than its teacher's 48: write 48"],
    [() => student({ patchSize: 14 }), 'distill', "distill.tiny.patchSize is 14, but its teacher's is 7: write that"],
    [
      () => student({ depth: 4 }),
      'distill',
      "distill.tiny.depth is 4, which cannot be cut in thirds for positions 'front+end' by default: " +
        "write 6, or positions: 'end'",
    ],
    [() => student({ positions: 'ends' }), 'distill', 'distill.tiny.positions is "ends": did you mean \'end\'?'],
    [() => student({ positons: 'end' }), 'distill', 'distill.tiny.positons is not an option: did you mean positions?'],
    [() => student({ alpha: 1.1 }), 'distill', 'distill.tiny.alpha is 1.1: write a number from 0 to 1'],
    [() => student({}, { alpha: -0.1 }), 'distill', 'distill.alpha is -0.1: write a number from 0 to 1'],
    [() => student({}, { temperature: 0 }), 'distill', 'distill.temperature is 0: write a finite number above 0'],
    [() => student({}, { epochs: undefined }), 'distill', 'distill.epochs is missing: write a whole number, 1 or more'],
    [() => student({}, { embedDim: 24 }), 'distill', 'distill.embedDim is not an option'],
    [() => student({ trainTransforms: 1 }), 'distill', 'distill.tiny.trainTransforms is 1: write true or false'],
    [() => taught.distill({ tiny: null as never }, { epochs: 1 }), 'distill', 'distill.tiny.embedDim is missing'],
    [() => taught.distill({} as never, { epochs: 1 }), 'distill', 'distill has no student: write at least { tiny:'],
    [() => taught.distill([] as never, { epochs: 1 }), 'distill', 'distill has [] for its students: write { tiny:'],
    [() => named('../x'), 'distill', 'distill: the name of a student is "../x", which cannot name a file'],
    [() => named('1'), 'distill', 'distill: the name of a student is "1", which cannot name a file'],
    [
      () =>
        taught.distill(
          { tiny: { embedDim: 24, depth: 6, numHeads: 3 }, Tiny: { embedDim: 24, depth: 6, numHeads: 3 } },
          { epochs: 1 },
        ),
      'distill',
      'distill has the name "Tiny" twice ("tiny" differs in case alone): write another name',
    ],
  ],
  stitching: [
    [
      () => stitch({ from: 'tinny' }),
      'stitch',
      'stitch.from is "tinny", which is no student of the pool: did you mean \'tiny\'?',
    ],
    [() => stitch({ to: undefined }), 'stitch', "stitch.to is missing: write 'tiny' or 'twin'"],
    [() => stitch({ to: 'tiny' }), 'stitch', "stitch.to is 'tiny', the same student as stitch.from"],
    [
      () => stitch({ from: 'base', to: 'tiny' }),
      'stitch',
      "stitch.from is 'base' (embedDim 48), wider than 'tiny' (24), and a stitch goes from narrow to " +
        "wide: write from: 'tiny', to: 'base'",
    ],
    [() => stitch({ to: 'twin' }), 'stitch', "stitch.from is 'tiny', as wide as 'twin' (embedDim 24)"],
    [
      () => stitch({ to: 'flat' }),
      'stitch',
      "stitch.from is 'tiny' with depth 6, but 'flat' has depth 4: write the same depth, or a whole multiple of it",
    ],
    [() => stitch({ init: 'learnt' }), 'stitch', 'stitch.init is "learnt": did you mean \'learned\'?'],
    [() => stitch({ kernel: 0 }), 'stitch', 'stitch.kernel is 0: write a whole number, 1 or more'],
    [() => stitch({ kernel: 7 }), 'stitch', "stitch.kernel is 7, above the students' depth 6: write 6 or less"],
    [
      () => stitch({ kernel: 1, twoWay: true }),
      'stitch',
      'stitch.kernel is 1, a window in which twoWay finds no stitch',
    ],
    [
      () => stitch({ init: 'composed' }),
      'stitch',
      "stitch.init is 'composed', but 'tiny' is distilled without matrices towards its teacher: write " +
        'distill.reverseTransforms: true',
    ],
    [() => stitch({ macsGroups: 4 }), 'stitch', "stitch.macsGroups goes with sampling: 'macs' alone"],
    [() => stitch({ stride: 0.5 }), 'stitch', 'stitch.stride is 0.5: write a whole number, 1 or more'],
    [() => stitch({ samples: 0 }), 'stitch', 'stitch.samples is 0: write a whole number, 1 or more'],
    [() => stitch({}, { epochs: -1 }), 'stitch', 'stitch.epochs is -1: write a whole number, 0 or more'],
  ],
  evaluation: [
    [
      () => stitch({}).evaluate({ split: 'validation' }),
      'evaluate',
      "evaluate.split is 'validation', but the data hold none out: write mnist({ validation: 0.1 })",
    ],
  ],
}

const refusal = (write: () => unknown): DefinitionError => {
  try {
    write()
  } catch (error) {
    if (error instanceof DefinitionError) return error
    throw error
  }
  return expect.fail('it was accepted')
}

describe('definition errors', () => {
  for (const [subject, list] of Object.entries(cases)) {
    describe(`of ${subject}`, () => {
      for (const [write, call, message] of list) {
        it(message, () => {
          const { message: said, place } = refusal(write)
          expect(said).to.contain(message)
          expect(place?.file).to.equal(THIS_FILE)
          expect(SOURCE[place!.line - 1]!.slice(place!.column - 1)).to.match(new RegExp(`^${call}\\(`))
        })
      }
    })
  }

  it('refuse a learned start where a student was distilled on logits alone', () => {
    const sixDeep = { depth: 6, numHeads: 3 } as const
    const pool = taught
      .distill(
        {
          tiny: { ...sixDeep, embedDim: 24, loss: 'logits' },
          mid: { ...sixDeep, embedDim: 36 },
          base: { ...sixDeep, embedDim: 48, loss: 'logits' },
        },
        { epochs: 1 },
      )
      .pool()
    expect(refusal(() => pool.stitch({ from: 'tiny', to: 'base' }, { epochs: 1 })).message).to.equal(
      "stitch.init is 'learned' by default, but 'tiny' is distilled with loss 'logits', which learns " +
        "no matrices: write init: 'leastSquares' or 'random', or distill.tiny.loss: 'logits+rep'",
    )
    // An end as wide as the teacher lends no matrices of its own.
    pool.stitch({ from: 'mid', to: 'base' }, { epochs: 1 })
    pool.stitch({ from: 'tiny', to: 'base', init: 'random' }, { epochs: 1 })
  })

  it('refuse loss positions that a shallow teacher has no blocks for', () => {
    const shallow = pipeline('x')
      .data(mnist())
      .teacher(vit({ embedDim: 48, depth: 2, numHeads: 3 }), { epochs: 1 })
    const tiny = { embedDim: 24, depth: 3, numHeads: 3 } as const
    expect(refusal(() => shallow.distill({ tiny }, { epochs: 1 })).message).to.equal(
      "distill.tiny.positions is 'front+end' by default, but its teacher has 2 blocks of the 3 " +
        "needed: write positions: 'end'",
    )
    shallow.distill({ tiny }, { epochs: 1, positions: 'mid+end' })
    shallow.distill({ tiny: { ...tiny, depth: 4 } }, { epochs: 1, loss: 'logits' })
  })

  it('point at the very line of the call', () => {
    const { place } = refusal(() => mnist({ take: -5 }))
    expect(SOURCE[place!.line - 1]).to.contain('refusal(() => mnist({ take: -5 }))')
  })

  it('say the right order where a step comes too early', () => {
    const early = pipeline('x').data(mnist()) as unknown as typeof taught
    const { message, problem, place } = refusal(() =>
      early.distill({ a: { embedDim: 3, depth: 3, numHeads: 3 } }, { epochs: 1 }),
    )
    expect(message).to.equal('distil needs a teacher: write .teacher(vit({ ... }), { epochs }) before .distill(...)')
    expect(problem).to.equal('outOfOrder')
    expect(SOURCE[place!.line - 1]).to.contain('early.distill(')
  })

  it('refuse a pipeline without stages', () => {
    expect(refusal(() => pipeline('x').toNode()).message).to.equal(
      "pipeline 'x' has no stages: write .data(mnist()) after it",
    )
  })
})
