/** What a wrong call is answered with: a sentence on stderr, never the whole help, and nothing on stdout. */
import * as Effect from 'effect/Effect'
import * as CliOutput from 'effect/cli/CliOutput'

export const wrongCallLayer = CliOutput.layerPresenter({
  present: (event) =>
    event._tag === 'InvalidInvocation'
      ? Effect.sync(() => {
          const message = event.errors.map((error) => error.message.trim().replace(/\s*\n\s*/g, ' ')).join('; ')
          process.stderr.write(`genepool: ${message}\n  ${event.commandPath.join(' ')} --help lists what there is\n`)
        })
      : CliOutput.defaultPresenter.present(event),
})
