/** Tries a new build in a process of its own: a library that does not fit may crash or hang. */
import { runChild } from '../../choice/child.js'
import { EngineError } from '../../engine.js'
import type { LocatedTensorflow } from '../locate.js'
import { lastLine } from '../../program.js'

export type CheckAnswer =
  { readonly type: 'works'; readonly libtensorflow: string } | { readonly type: 'failed'; readonly message: string }

const timeoutMs = 120_000

const reasonOf = (message: string): string => {
  const [, symbol] = /undefined symbol: (\w+)/.exec(message) ?? []
  if (symbol !== undefined) return `the library lacks ${symbol}: it is no TensorFlow that this addon fits`
  const [, version] = /version `(GLIBC\w*_[\d.]+)' not found/.exec(message) ?? []
  if (version !== undefined) return `the library needs a newer system (${version})`
  return message.replace(/;[^;]*genepool engine build.*$/, '')
}

/** The library's version. An EngineError where the build does not train as it should. */
export const checkBuild = async (located: LocatedTensorflow, signal: AbortSignal): Promise<string> => {
  const answers: CheckAnswer[] = []
  const end = await runChild({
    beside: import.meta.url,
    script: 'check-main',
    argument: located,
    timeoutMs,
    signal,
    onAnswer: (answer) => answers.push(answer as CheckAnswer),
  })
  const answer = answers.at(-1)
  if (answer?.type === 'works') return answer.libtensorflow
  const how = end.timedOut
    ? `it did not answer within ${timeoutMs / 1_000} s`
    : answer === undefined
      ? `its process ended with ${end.signal ?? `code ${end.code}`}: ${lastLine(end.said)}`
      : reasonOf(answer.message)
  throw new EngineError(`the build was made but does not work: ${how}`)
}
