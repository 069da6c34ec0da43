/** A run's surroundings in words. */
import { bytes } from '../../results/format.js'
import type { GitState } from '../../runtime/records/git-state.js'
import type { RecordedEnvironment } from '../../runtime/records/run-environment.js'

const short = (hash: string): string => hash.slice(0, 10)

/** `1a2b3c4d5e`, with a star where something was not committed; empty where there is no repository. */
export const describeCommit = (git: GitState | undefined): string => {
  if (git === undefined || git.state === 'none') return ''
  if (git.state === 'unknown') return '?'
  return `${git.commit === null ? 'no commit' : short(git.commit)}${git.changes === null ? '' : '*'}`
}

const describeGit = (git: GitState): string => {
  switch (git.state) {
    case 'none':
      return 'the definition is in no repository'
    case 'unknown':
      return `not known: ${git.why}`
    case 'known': {
      const on = git.branch === null ? '' : ` on ${git.branch}`
      const changes = git.changes === null ? '' : `, with changes that are not committed (${short(git.changes)})`
      return `${git.commit ?? 'no commit yet'}${on}${changes}`
    }
  }
}

/** The command as people write it, without the path of the script. */
const describeCommand = ([script = '', ...args]: readonly string[]): string =>
  [/(?:^|\/)(?:bin\.js|genepool)$/.test(script) ? 'genepool' : script, ...args]
    .map((word) => (/^[\w./:=@,+-]+$/.test(word) ? word : `'${word}'`))
    .join(' ')

const pairs = (values: Readonly<Record<string, string>>): string =>
  Object.entries(values)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ')

/** Label and text of each line. */
export const describeEnvironment = (environment: RecordedEnvironment): readonly (readonly [string, string])[] => {
  const { engine, machine, packages, definition, jobs, reuse, only } = environment
  const versions = pairs(packages.versions)
  const { host, processor, cores, memory, device, os, platform } = machine
  return [
    [
      'definition',
      definition.file === null ? 'from code' : `${definition.file} (sha256 ${short(definition.sha256 ?? '')})`,
    ],
    ['git', describeGit(environment.git)],
    ['command', describeCommand(environment.command)],
    ['by', `${environment.who}@${host}, in ${environment.directory}`],
    ['genepool', `${environment.genepool}, node ${environment.node}`],
    ['engine', `${engine.engine} on ${engine.device} (${pairs(engine.versions)})`],
    [
      'machine',
      [
        processor,
        `${cores} ${cores === 1 ? 'core' : 'cores'}`,
        ...(device === undefined ? [] : [device]),
        bytes(memory),
        os,
        platform,
      ].join(', '),
    ],
    ['jobs', `${jobs} side by side, reuse ${reuse}${only === null ? '' : `, only ${only}`}`],
    [
      'packages',
      packages.lockFile === null
        ? 'no lock file'
        : `${packages.lockFile} (sha256 ${short(packages.sha256 ?? '')})${versions === '' ? '' : `: ${versions}`}`,
    ],
    ...(Object.keys(environment.variables).length === 0 ? [] : [['variables', pairs(environment.variables)] as const]),
  ]
}
