/** A worker, as a run starts it: `worker-bin.js KIND JOB.json`, or `--warm` in place of a job's file. */
import { pathToFileURL } from 'node:url'
import { runPart } from '../../base/program-script.js'

await runPart('worker', process.argv[2], async () =>
  (await import('./worker.js')).startWorker((file) => import(pathToFileURL(file).href)),
)
