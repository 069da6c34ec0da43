/**
 * The program's parts that are processes of their own, as build/bundle.js puts them into one script. Each is loaded
 * when it begins. Where there is no script, the entry of each loads the files, and definitions import the
 * installed package.
 */
import { fileURLToPath, pathToFileURL } from 'node:url'

/** The built-in stages' modules as a run names them, by their files, and as the script has them. */
const stages = new Map(
  Object.entries({
    data: () => import('../stages/data.js'),
    teacher: () => import('../stages/teacher.js'),
    anchor: () => import('../stages/anchor.js'),
    distill: () => import('../stages/distill.js'),
    pool: () => import('../stages/pool.js'),
    stitch: () => import('../stages/stitch.js'),
    single: () => import('../stages/single.js'),
    latency: () => import('../stages/latency.js'),
    evaluate: () => import('../stages/evaluate.js'),
  }).map(([kind, load]) => [fileURLToPath(new URL(`../stages/${kind}.js`, import.meta.url)), load]),
)

export const parts = {
  main: (): Promise<unknown> => import('../cli/main.js'),
  round: (): Promise<unknown> => import('../cli/watch/round-process.js'),
  worker: async (): Promise<void> => {
    const [{ startWorker }, { useOwnDefinitions }] = await Promise.all([
      import('../runtime/execute/worker.js'),
      import('../own-definitions.js'),
    ])
    useOwnDefinitions()
    startWorker((file) => stages.get(file)?.() ?? import(pathToFileURL(file).href))
  },
  trial: async (): Promise<void> => (await import('../engine/choice/trial-main.js')).runTrial(),
}
