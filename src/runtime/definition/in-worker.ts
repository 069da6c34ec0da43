/** Whether this process computes stages: a definition that runs pipelines when it is imported would start them once more. */

const VARIABLE = 'GENEPOOL_WORKER'

export const markAsWorker = (): void => {
  process.env[VARIABLE] = '1'
}

export const isInWorker = (): boolean => process.env[VARIABLE] === '1'
