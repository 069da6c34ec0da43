import { RememberedTrials } from './remembered.js'
import { surroundingsKey } from './surroundings.js'
import { visibleGpuName } from './visible-gpus.js'
import { nameOf, type Candidate } from './wish.js'

/** The name of the GPU that a candidate computes on, where the driver or an earlier trial tells it; nothing is loaded. */
export const deviceName = (candidate: Candidate): string | undefined => {
  switch (candidate.device) {
    case 'cpu':
      return undefined
    case 'cuda':
      return visibleGpuName(candidate.deviceIndex ?? 0)
    case 'webgpu': {
      const trial = new RememberedTrials(surroundingsKey()).get(nameOf(candidate))
      return trial?.loads === true ? trial.adapter?.name : undefined
    }
  }
}
