/** Numbers as people read them: one way for the terminal and the report. */
export { bytes, count, duration, percent } from '../results/format.js'
