/** The program's parts that are processes of their own: each begins when it is imported. */
export const parts = {
  main: (): Promise<unknown> => import('./main.js'),
  'watch-round': (): Promise<unknown> => import('./watch/round-process.js'),
}

export type Part = keyof typeof parts
