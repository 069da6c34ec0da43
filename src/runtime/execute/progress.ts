/** A stage's reports → messages worth sending: ten a second at most, with speed and time left. */
import type { WorkerMessage } from './job.js'
import type { Progress } from '../stage-contract.js'

const intervalMs = 100

/** Speed counts from the phase's first report in this process, so a resumed phase does not claim an earlier one's work. */
export const progressReporter = (send: (message: WorkerMessage) => void): ((progress: Progress) => void) => {
  let phase: { name: string; startedAt: number; firstStep: number; firstImages: number } | undefined
  let sentAt = 0
  return (progress) => {
    const now = performance.now()
    if (phase?.name !== progress.phase) {
      phase = { name: progress.phase, startedAt: now, firstStep: progress.step, firstImages: progress.images ?? 0 }
      sentAt = 0
    }
    if (now - sentAt < intervalMs && progress.step < progress.steps) return
    sentAt = now
    const seconds = (now - phase.startedAt) / 1000
    const steps = progress.step - phase.firstStep
    const images = (progress.images ?? 0) - phase.firstImages
    send({
      type: 'progress',
      ...progress,
      ...(seconds > 0 && images > 0 ? { imagesPerSecond: images / seconds } : {}),
      ...(steps > 0 ? { secondsLeft: (seconds / steps) * (progress.steps - progress.step) } : {}),
    })
  }
}
