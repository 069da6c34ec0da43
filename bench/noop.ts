/**
 * A run with nothing to do: the whole process, of 10 to 10 000 cheap stages that read ten others each. One JSON line a
 * figure:
 *   npm run bench:noop              genepool alone, 10 and 100 stages
 *   npm run bench:noop -- --long    all sizes, in turn with Turborepo, wireit, Snakemake and ninja on the same graph
 *   npm run bench:noop -- [--sizes 10,1000] [--tools genepool,ninja] [--rounds 7] [--limit SECONDS]
 * Turborepo and wireit are installed from npm into a temporary folder; Snakemake and ninja come with the system
 * (Debian: apt-get install snakemake ninja-build). What is not there, or whose first run takes longer than the limit
 * (default 600 s), is left out, and a line says so.
 */
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { genepool, ninja, snakemake, turborepo, wireit, type Command, type Tool } from './noop-tools.js'
import { report, takeTurns, type Contestant } from './turns.js'

const { values: flags } = parseArgs({
  options: {
    long: { type: 'boolean', default: false },
    sizes: { type: 'string' },
    tools: { type: 'string' },
    rounds: { type: 'string' },
    limit: { type: 'string', default: '600' },
  },
})
const sizes = (flags.sizes ?? (flags.long ? '10,100,1000,10000' : '10,100')).split(',').map(Number)
const wanted = (flags.tools ?? (flags.long ? 'genepool,turborepo,wireit,snakemake,ninja' : 'genepool')).split(',')
const rounds = Number(flags.rounds ?? (flags.long ? 7 : 3))
const limitMs = 1_000 * Number(flags.limit)

const checkout = fileURLToPath(new URL('../..', import.meta.url))
const temporary = mkdtempSync(join(tmpdir(), 'bench-noop-'))
const fromNpm = join(temporary, 'tools')
mkdirSync(fromNpm)
const packages: Readonly<Record<string, string>> = { turborepo: 'turbo', wireit: 'wireit' }
const all: readonly Tool[] = [genepool(checkout), turborepo(fromNpm), wireit(fromNpm), snakemake, ninja]

const env = {
  ...process.env,
  // Nothing that is known from elsewhere.
  GENEPOOL_CACHE: join(temporary, 'cache'),
  TURBO_TELEMETRY_DISABLED: '1',
  DO_NOT_TRACK: '1',
  CI: '1',
}

interface Ran {
  readonly ms: number
  readonly output: string
}

/** Rejects where the program fails or takes longer than the limit. */
const run = ({ program, args }: Command, cwd: string): Promise<Ran> =>
  new Promise((resolve, reject) => {
    const start = performance.now()
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      process.kill(-child.pid!, 'SIGKILL')
    }, limitMs)
    child.once('error', reject)
    child.once('close', (code) => {
      clearTimeout(timer)
      if (code === 0) resolve({ ms: performance.now() - start, output })
      else
        reject(new Error(isLate ? `it took longer than ${flags.limit} s` : `exit code ${code}: ${output.slice(-500)}`))
    })
  })

const leaveOut = (tool: string, stages: number | undefined, why: string): void =>
  report({ bench: 'noop', tool, ...(stages === undefined ? {} : { stages }), leftOut: why })

/** Ready to be timed; undefined where it cannot be. */
const contestant = async (tool: Tool, stages: number): Promise<Contestant | undefined> => {
  const folder = join(temporary, `${tool.name}-${stages}`)
  mkdirSync(folder)
  const command = tool.write(folder, stages)
  try {
    const first = await run(command, folder)
    report({ bench: 'noop', tool: tool.name, stages, figure: 'first run', ms: first.ms })
  } catch (error) {
    leaveOut(tool.name, stages, `first run: ${error instanceof Error ? error.message : String(error)}`)
    return undefined
  }
  return {
    name: tool.name,
    time: async () => {
      const { ms, output } = await run(command, folder)
      if (tool.didNothing(output, stages)) return ms
      throw new Error(`${tool.name} had something to do: ${output.slice(-500)}`)
    },
    stop: () => rmSync(folder, { recursive: true, force: true }),
  }
}

try {
  const toInstall = wanted.flatMap((name) => packages[name] ?? [])
  if (toInstall.length > 0) {
    execFileSync('npm', ['install', '--prefix', fromNpm, '--no-audit', '--no-fund', '--silent', ...toInstall])
  }
  const tools = all.filter(({ name }) => wanted.includes(name))
  const versions = new Map(tools.map((tool) => [tool, tool.version()]))
  for (const [{ name, howToGet }, version] of versions) {
    if (version === undefined) leaveOut(name, undefined, `it is not installed: ${howToGet}`)
  }
  for (const stages of sizes) {
    const contestants: Contestant[] = []
    for (const tool of tools.filter((each) => versions.get(each) !== undefined)) {
      const ready = await contestant(tool, stages)
      if (ready !== undefined) contestants.push(ready)
    }
    const timings = await takeTurns(contestants, rounds, 1)
    const ours = timings.find(({ name }) => name === 'genepool')
    for (const { name, ...ms } of timings) {
      const version = versions.get(tools.find((tool) => tool.name === name)!)
      report({ bench: 'noop', tool: name, version, stages, rounds, ...ms, load: loadavg()[0] })
      if (ours !== undefined && name !== 'genepool') {
        report({ bench: 'noop', stages, figure: `${name} ms / our ms`, ratio: ms.ms / ours.ms })
      }
    }
    for (const { stop } of contestants) stop()
  }
} finally {
  rmSync(temporary, { recursive: true, force: true })
}
