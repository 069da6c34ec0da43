import { StageError } from '../../src/runtime/errors.js'

/** The message of the StageError with which this must reject. */
export const failure = async (promise: Promise<unknown>): Promise<string> => {
  try {
    await promise
  } catch (cause) {
    if (cause instanceof StageError) return cause.message
    throw cause
  }
  throw new Error('nothing failed')
}
