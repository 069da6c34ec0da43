/** A round of `genepool watch`, as the process that watches starts it. */
import { runPart } from '../../base/program-script.js'

await runPart('round', undefined, () => import('./round-process.js'))
