/** What the C library of a worker's process is told about memory. */

const mebibytes = (count: number): string => String(count * 2 ** 20)

/**
 * By itself glibc hands large blocks back to the system as soon as they are free and takes new pages for the next ones,
 * which a training step does hundreds of times: a step of a small model takes up to 1.4 times as long. Here it keeps them,
 * so that what one function of a stage used serves the next, in few heaps: one for all threads makes those that compute
 * side by side wait for each other. 32 MiB is the most that the first one takes. Other systems' libraries read none.
 */
const keepFreedMemory: Readonly<Record<string, string>> = {
  MALLOC_MMAP_THRESHOLD_: mebibytes(32),
  MALLOC_TRIM_THRESHOLD_: mebibytes(256),
  MALLOC_ARENA_MAX: '4',
}

/** The environment of a worker's process. What the user has set stays. */
export const workerEnvironment = (): NodeJS.ProcessEnv =>
  process.platform === 'linux' ? { ...keepFreedMemory, ...process.env } : process.env
