/** The other end of `runChild`: what a script does with its argument, and how it answers. */
import { writeSync } from 'node:fs'
import { Worker } from 'node:worker_threads'
import { answerDescriptor } from './child.js'

interface Order {
  readonly argument: unknown
  readonly parent: number
}

/** Runs beside the main thread, which a library that hangs while it is loaded never gives back. */
const watch = `
  const parent = require('node:worker_threads').workerData
  setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL') }, 200)`

/** Written at once, so that it is there even when the process dies right after. */
export const answer = (value: unknown): void => {
  writeSync(answerDescriptor, `${JSON.stringify(value)}\n`)
}

/** An error's sentence, and below it what is behind it. */
const wordsOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? error.message : `${error.message}\n${wordsOf(error.cause)}`
}

/**
 * Runs the script's work, then ends the process: with 0, or with 1 where the work failed. The process ends by itself when
 * its parent is gone, even in the middle of a native call.
 */
export const inChild = async (work: (argument: unknown) => Promise<void>): Promise<void> => {
  const { argument, parent } = JSON.parse(process.argv[2] ?? '{}') as Order
  const watchdog = new Worker(watch, { eval: true, workerData: parent })
  await new Promise((resolve) => watchdog.once('online', resolve))
  watchdog.unref()
  try {
    await work(argument)
    process.exit(0)
  } catch (error) {
    answer({ type: 'failed', message: wordsOf(error) })
    process.exit(1)
  }
}
