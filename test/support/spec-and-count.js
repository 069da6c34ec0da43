/** Mocha's own spec report, and after it one line that any tool can read: `N passed, N failed`. */
import mocha from 'mocha'

export default class SpecAndCount extends mocha.reporters.Spec {
  epilogue() {
    super.epilogue()
    const { passes, failures, pending } = this.stats
    const skipped = pending > 0 ? `, ${pending} skipped` : ''
    process.stdout.write(`${passes} passed, ${failures} failed${skipped}\n`)
  }
}
