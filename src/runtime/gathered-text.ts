/** Lines that follow each other by the thousand, written together instead of one by one. */

/** Characters that are held back at most. */
const mostHeld = 1 << 16

interface GatheredWrites {
  /** Soon: as soon as the program has a moment. */
  readonly write: (text: string) => void
  /** Now. */
  readonly flush: () => void
}

export const gatherWrites = (write: (text: string) => unknown): GatheredWrites => {
  let held = ''
  let isDue = false
  const flush = (): void => {
    const text = held
    held = ''
    if (text !== '') write(text)
  }
  return {
    write: (text) => {
      held += text
      if (held.length >= mostHeld) return flush()
      if (isDue) return
      isDue = true
      setImmediate(() => {
        isDue = false
        flush()
      })
    },
    flush,
  }
}

/** Whether what is said of it can wait for a moment: stages that are there already come by the thousand. */
export const canWait = ({ type }: { readonly type: string }): boolean => type === 'stage-cached'
