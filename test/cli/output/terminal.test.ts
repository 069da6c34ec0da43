import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { liveRenderer } from '../../../src/cli/output/renderers.js'
import { renderTable } from '../../../src/cli/output/table.js'
import { Control, type Output, visible, visibleText } from '../../../src/cli/output/terminal.js'
import { hashOf } from '../../../src/runtime/canonical.js'
import { checkedText } from '../../../src/runtime/checked-text.js'
import { contentOf } from '../../../src/runtime/store/manifest.js'
import { runCli } from '../../support/cli.js'
import { eventOf } from '../../support/read-events.js'
import { smallPipeline, writeStage } from '../../support/small-pipeline.js'
import { manifestsOf } from '../../support/stored-artifacts.js'
import { tarOf } from '../../support/tar-bytes.js'
import { checkout, workspaceForAll } from '../../support/workspace.js'

/** Red, the screen cleared, a title set, the same in one character, the direction of writing turned, a bell. */
const nasty = '\u001b[31mred\u001b[2J\u001b]0;title\u0007\u009b1m\u202eetad\r\u007f'
const shown = '\\u001b[31mred\\u001b[2J\\u001b]0;title\\u0007\\u009b1m\\u202eetad\\u000d\\u007f'
/** All that a terminal obeys but the end of a line. */
const obeyed = /(?!\n)[\p{Cc}\p{Bidi_Control}]/u

describe('what the command line prints', () => {
  it('shows control characters as JSON writes them, and leaves lines and tabs as they are', () => {
    expect(visible(nasty)).to.equal(shown)
    expect(visible('one\r\ntwo\n\tthree ünï 漢字 👩‍🔬')).to.equal('one\r\ntwo\n\tthree ünï 漢字 👩‍🔬')
    expect(JSON.parse(visible(JSON.stringify({ [nasty]: nasty })))).to.deep.equal({ [nasty]: nasty })
  })

  it('keeps a cell of a table on its line, whatever it holds, and the columns straight', () => {
    const rows = [`a\nb${nasty}`, 'c']
    const table = renderTable<string>(
      [
        { title: 'x', cell: (row) => row, align: 'left' },
        { title: 'y', cell: () => '1' },
      ],
      rows,
    )
    const lines = table.split('\n')
    expect(lines).to.have.length(3)
    expect(new Set(lines.map((line) => line.length)).size).to.equal(1)
    expect(table).not.to.match(obeyed)
  })

  it('tells a terminal what the program itself says, and nothing else', () => {
    let written = ''
    const output: Output = { write: (...parts) => (written += visibleText(parts)), columns: 80 }
    const emit = liveRenderer(output, false)
    const stage = `a${nasty}`
    emit({ type: 'stage-started', stage, kind: 'k', fingerprint: '', reasons: [], threads: 1, resumes: false })
    emit({ type: 'stage-progress', stage, phase: `p${nasty}\nq`, step: 1, steps: 2 })
    emit({ type: 'stage-failed', stage, kind: 'k', ms: 1, message: nasty })
    const own = ['\u001b[0J', '\u001b[1F']
    for (const sequence of own) expect(written).to.include(sequence)
    expect(own.reduce((text, sequence) => text.replaceAll(sequence, ''), written)).not.to.match(obeyed)
    expect(visibleText(['a\u001b', new Control('\u001b[0J')])).to.equal('a\\u001b\u001b[0J')
  })

  it('goes through one function, in every file', () => {
    const files = readdirSync(join(checkout, 'src', 'cli'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
    const past = files.filter((file) => /\bconsole\.|process\.(stdout|stderr)\.write/.test(readFileSync(file, 'utf8')))
    expect(past).to.deep.equal([])
    expect(files.length).to.be.above(40)
  })

  describe('on the real command line', () => {
    const workspace = workspaceForAll()
    const cli = (...args: readonly string[]) => runCli(args, { cwd: workspace.path })

    it('of a stage that fails; as JSON it is what the stage has said, to the character', async () => {
      const failing = `const bad = stage('bad', { run: () => { throw new Error(${JSON.stringify(nasty)}) } })`
      workspace.write('bad.mjs', smallPipeline(failing, 'bad'))
      const { code, stdout, stderr } = await cli('run', 'bad.mjs', '--engine', 'cpu', '--verbose')
      expect(code).to.equal(1)
      expect(stdout).to.include(shown)
      expect(`${stdout}${stderr}`).not.to.match(obeyed)
      const { events, stdout: json } = await cli('run', 'bad.mjs', '--engine', 'cpu', '--json')
      expect(eventOf(events, 'stage-failed', 'bad').message).to.include(nasty)
      expect(json).not.to.match(obeyed)
    })

    it('of names in archives, taken in or refused', async () => {
      workspace.write('good.mjs', smallPipeline(writeStage('one', 'text'), 'one'))
      await cli('run', 'good.mjs', '--engine', 'cpu')
      const [made] = manifestsOf(workspace.file('.genepool')).filter(({ stage }) => stage === 'one')
      const identity = { ...made.identity, kind: nasty, params: { [nasty]: nasty } }
      const named = { ...made, stage: nasty, files: {}, summary: {}, identity }
      const fingerprint = hashOf(identity, 'stage')
      const manifest = { ...named, fingerprint, content: contentOf({}, {}) }
      const text = checkedText(JSON.stringify(manifest))
      const header = { format: 1, keyScheme: 1, genepool: nasty, exportedAt: made.made.at, of: nasty, artifacts: 1 }
      const archive = (name: string): Buffer =>
        tarOf([
          ['genepool.json', JSON.stringify({ ...header, entries: 1, bytes: Buffer.byteLength(text) })],
          [name, text],
        ])
      writeFileSync(workspace.file('good.tar'), archive(`actions/${fingerprint.slice(0, 2)}/${fingerprint}.json`))
      writeFileSync(workspace.file('bad.tar'), archive(`actions/${nasty}`))
      for (const [code, ...call] of [
        [0, 'store', 'import', 'good.tar'],
        [2, 'store', 'import', 'bad.tar'],
        [0, 'lineage', fingerprint],
      ] as const) {
        const ended = await cli(...call)
        expect(ended.code, ended.stderr).to.equal(code)
        expect(`${ended.stdout}${ended.stderr}`, call.join(' ')).to.include('\\u001b[2J').and.not.match(obeyed)
      }
    })
  })
})
