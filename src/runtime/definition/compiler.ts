/** esbuild, a process of its own: started when it is asked for, ended when nobody has asked for a while. */
import type * as esbuild from 'esbuild'

type Esbuild = Pick<typeof esbuild, 'build' | 'transform'>

const idleMs = 1_000

let users = 0
let idle: NodeJS.Timeout | undefined

/** Whatever `use` does with the compiler must be over when its promise settles. */
export const withCompiler = async <A>(use: (compiler: Esbuild) => Promise<A>): Promise<A> => {
  users++
  clearTimeout(idle)
  try {
    return await use(await import('esbuild'))
  } finally {
    users--
    if (users === 0) idle = setTimeout(() => void import('esbuild').then(({ stop }) => stop()), idleMs).unref()
  }
}

/** Whether this is the compiler's verdict on what it was given, and not its own failure. */
export const isRefused = (cause: unknown): cause is esbuild.BuildFailure =>
  Array.isArray((cause as Partial<esbuild.BuildFailure> | null)?.errors)
