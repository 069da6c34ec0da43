/** `genepool predict`: the classes that a model sees in pictures. */
import * as Effect from 'effect/Effect'
import * as Argument from 'effect/cli/Argument'
import * as Command from 'effect/cli/Command'
import * as Flag from 'effect/cli/Flag'
import { percent } from '../../results/format.js'
import { UsageError } from '../../runtime/errors.js'
import type { ClassifiedPicture, PictureClass } from '../../stages/classify-pictures.js'
import { type FlagsOf, jsonFlag, textFlag, verboseFlag } from '../input/flags.js'
import { loadedFlags, modelArgument, withModel } from '../input/loaded.js'
import { printJson, say, showOnTerminal, warn } from '../output/print.js'

const predictFlags = {
  model: modelArgument,
  images: Argument.String('image').pipe(
    Argument.withDescription('JPEG, PNG, WebP or AVIF files, or folders of them'),
    Argument.variadic({ min: 1 }),
  ),
  top: Flag.Int('top').pipe(Flag.withDescription('Classes of each picture; default: 5'), Flag.withDefault(5)),
  mean: textFlag('mean', "By channel, of pixels scaled to [0, 1], with commas between; default: the model's"),
  std: textFlag('std', 'The same of the deviation that pixels are divided by'),
  crop: Flag.Finite('crop').pipe(
    Flag.withDescription("Share of the resized picture's side that is kept; default: the model's, else 1"),
    Flag.withDefault(undefined),
  ),
  interpolation: Flag.Literals('interpolation', ['bilinear', 'bicubic', 'lanczos']).pipe(
    Flag.withDescription("How pictures are resized; default: the model's, else bicubic"),
    Flag.withDefault(undefined),
  ),
  ...loadedFlags,
  json: jsonFlag('Print one line of JSON a picture'),
  verbose: verboseFlag,
}

const numbersOf = (
  flag: string,
  text: string | undefined,
): Effect.Effect<readonly number[] | undefined, UsageError> => {
  const numbers = text?.split(',').map((word) => (word.trim() === '' ? NaN : Number(word)))
  return numbers?.every(Number.isFinite) === false
    ? Effect.fail(new UsageError({ message: `${flag} is '${text}'; write numbers with commas between: 0.5,0.5,0.5` }))
    : Effect.succeed(numbers)
}

const called = ({ class: number, name, probability }: PictureClass): string =>
  `${name ?? number} ${percent(probability)}`

const predict = Effect.fnUntraced(function* (flags: FlagsOf<typeof predictFlags>) {
  const { images, top, crop, interpolation, json } = flags
  if (top < 1) return yield* new UsageError({ message: `--top is ${top}; it must be 1 or more` })
  const [mean, std] = [yield* numbersOf('--mean', flags.mean), yield* numbersOf('--std', flags.std)]
  const stated = {
    ...(mean && { mean }),
    ...(std && { std }),
    ...(crop !== undefined && { crop }),
    ...(interpolation && { interpolation }),
  }
  let [done, unread] = [0, 0]
  yield* withModel(flags, {}, async (model, signal) => {
    const { classifyPictures, picturesIn } = await import('../../stages/classify-pictures.js')
    const files = picturesIn(images)
    if (model.config.channels === 3 && (model.crop ?? crop) === undefined) {
      warn(['the model does not say how pictures are cropped: they are taken whole; --crop says otherwise'])
    }
    const take = (answer: ClassifiedPicture): void => {
      done++
      showOnTerminal('')
      if (json) printJson(answer)
      if ('error' in answer) {
        unread++
        if (!json) warn([`${answer.image}: ${answer.error}`])
      } else if (!json) say(`${answer.image}  ${answer.top.map(called).join(', ')}`)
      if (done < files.length) showOnTerminal(`${done} of ${files.length} pictures`)
    }
    await classifyPictures(model, files, { top, stated, take, signal })
  })
  if (unread > 0) process.exitCode = 1
})

export const predictCommand = Command.make('predict', predictFlags).pipe(
  Command.withDescription('Print the classes that a model sees in pictures'),
  Command.withExamples([
    { command: 'genepool predict small/model.onnx digit.png', description: 'An exported model, one picture' },
    { command: 'genepool predict hf:facebook/deit-tiny-patch16-224 photographs --json', description: 'A folder' },
  ]),
  Command.withHandler(predict),
)
