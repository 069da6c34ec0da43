/** The process of a check: loads a new build and trains with it. */
import { answer, inChild } from '../../choice/in-child.js'
import { loadAddon } from '../load-addon.js'
import type { LocatedTensorflow } from '../locate.js'
import { openTensorflow } from '../tensorflow-engine.js'
import type { CheckAnswer } from './check.js'
import { checkTraining } from './training-check.js'

await inChild(async (argument) => {
  const located = argument as LocatedTensorflow
  const engine = await openTensorflow({ engine: 'tensorflow', device: 'cpu', threads: 1 }, {}, located)
  await checkTraining(engine)
  await engine.release()
  answer({ type: 'works', libtensorflow: loadAddon(located).TF_Version } satisfies CheckAnswer)
})
