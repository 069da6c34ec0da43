/** `genepool fetch`: pretrained weights from the Hugging Face hub. */
import * as Effect from 'effect/Effect'
import * as Argument from 'effect/cli/Argument'
import * as Command from 'effect/cli/Command'
import { bytes, plural } from '../../results/format.js'
import { abortable } from '../../runtime/abortable.js'
import { type FlagsOf, jsonFlag, verboseFlag } from '../input/flags.js'
import { harmless, printJson, progressPrinter, say } from '../output/print.js'

const fetchFlags = {
  weights: Argument.String('weights').pipe(Argument.withDescription('hf:owner/name or hf:owner/name@revision')),
  json: jsonFlag('Print one step a line as JSON, and nothing else'),
  verbose: verboseFlag,
}

const fetchWeights = Effect.fnUntraced(function* ({ weights, json }: FlagsOf<typeof fetchFlags>) {
  const fetched = yield* abortable(async (signal) => {
    const { fetchModel } = await import('../../stages/weights/hub-download.js')
    return fetchModel(weights, signal, progressPrinter('downloaded', json))
  })
  if (json) return printJson({ type: 'fetched', ...fetched })
  const { folder, commit, files, downloaded } = fetched
  say(
    harmless(
      `${plural(files.length, 'file')} (${bytes(fetched.bytes)}, ${bytes(downloaded)} of them downloaded now), commit ${commit}\n` +
        `  ${folder}\n` +
        `  genepool inspect ${weights} prints the line that a definition needs`,
    ),
  )
})

export const fetchCommand = Command.make('fetch', fetchFlags).pipe(
  Command.withDescription('Bring pretrained weights from the Hugging Face hub'),
  Command.withExamples([
    { command: 'genepool fetch hf:facebook/deit-base-patch16-224', description: 'What its branch main has now' },
  ]),
  Command.withHandler(fetchWeights),
)
