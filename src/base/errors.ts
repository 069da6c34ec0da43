/** What is known of an error from anywhere: its sentence, and Node's code. */

/** The code of an error of Node's, such as `ENOENT`; undefined for any other. */
export const errorCode = (cause: unknown): string | undefined => {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  return typeof code === 'string' ? code : undefined
}

/** Its message, or what else was thrown as text. */
export const sentenceOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
