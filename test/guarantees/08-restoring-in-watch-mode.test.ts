import { expect } from 'chai'
import { writeStages } from '../support/watched-stages.js'
import { noticed, watchedWorkspaceForEach } from '../support/watching.js'

describe('Restoring in watch mode does not trigger itself', () => {
  const { workspace, watch } = watchedWorkspaceForEach()

  for (const [where, store] of [
    ['within the watched folder', 'pipelines/store'],
    ['elsewhere', 'store'],
  ] as const) {
    it(`with a store ${where}`, async () => {
      writeStages(workspace)
      workspace.write('pipelines/text-only.ts', "export { default } from '../text-only.ts'\n")
      const text = (words: string): void => void workspace.write('pipelines/text.txt', words)
      text('a text')
      const watching = watch(`pipelines/text-only.ts --store ${store}`)
      await watching.after(0, 'watch-waiting')
      const edited = watching.now()
      text('another text')
      await watching.after(edited, 'watch-waiting')
      const reverted = watching.now()
      text('a text')
      expect(await watching.after(reverted, 'run-finished')).to.include({ ran: 0, cached: 1 })
      await watching.after(reverted, 'watch-waiting')
      const last = watching.now()
      text('a third text')
      await watching.after(last, 'run-finished')
      const file = workspace.file('pipelines', 'text.txt')
      expect(noticed(watching.since(edited))).to.deep.equal([file, file, file])
    })
  }
})
