import type { BuildFailure } from 'esbuild'

/** Whether this is the compiler's verdict on what it was given, and not its own failure. */
export const isRefused = (cause: unknown): cause is BuildFailure =>
  Array.isArray((cause as Partial<BuildFailure> | null)?.errors)
