/** A round of `genepool watch`, as the process that watches starts it. */
import { runPart } from './program-script.js'

await runPart('watch-round')
