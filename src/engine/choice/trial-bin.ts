/** The process in which an engine is tried. */
import { runPart } from '../../base/program-script.js'

await runPart('trial', undefined, async () => (await import('./trial-main.js')).runTrial())
