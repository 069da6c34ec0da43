/** What leaves the trace of a stage, by the functions of Node and of the language that do it. */
import * as childProcess from 'node:child_process'
import * as crypto from 'node:crypto'
import * as dgram from 'node:dgram'
import * as dns from 'node:dns'
import { createRequire } from 'node:module'
import * as net from 'node:net'
import { createHistogram } from 'node:perf_hooks'
import type { Escape } from '../../dsl/option-tables.js'

export const words = (text: string): readonly string[] => text.split(' ')

export const optionOf = (options: unknown, name: string): unknown =>
  typeof options === 'object' && options !== null ? Reflect.get(options, name) : undefined

type Row = readonly [
  escape: Escape,
  holder: object,
  names: readonly string[],
  counts?: (args: readonly unknown[], isNew: boolean) => boolean,
]

/** Whether a way of `node:crypto` to sign or to encrypt gives something else each time. */
const drawsNumbers = (way: unknown): boolean => {
  const name = typeof way === 'string' ? way : optionOf(way, 'name')
  return typeof name === 'string' && /^(ECDSA|RSA-PSS|RSA-OAEP)$/i.test(name)
}

const called = (holder: object, pattern: RegExp): readonly string[] =>
  Object.getOwnPropertyNames(holder).filter((name) => pattern.test(name))

/** What leaves the trace, by the functions that do it. */
export const escapes = (): readonly Row[] => {
  // The modules themselves: what an import gives cannot be replaced.
  const node = createRequire(import.meta.url) as (name: string) => object
  const subtle = Object.getPrototypeOf(crypto.webcrypto.subtle) as object
  const asks = /^(lookup|resolve|reverse)/
  const isOfNetwork = ([given]: readonly unknown[]): boolean => !/^(data|blob):/i.test(addressOf(given))
  return [
    ['child_process', childProcess.ChildProcess.prototype, ['spawn']],
    ['child_process', node('node:child_process'), words('spawnSync execSync execFileSync')],
    ['worker_threads', node('node:worker_threads'), ['Worker']],
    [
      'vm',
      node('node:vm'),
      words('Script createContext runInContext runInNewContext runInThisContext compileFunction SourceTextModule'),
    ],
    ['addon', process, ['dlopen', 'binding', '_linkedBinding']],
    ['network', net.Socket.prototype, ['connect']],
    ['network', net.Server.prototype, ['listen']],
    ['network', dgram.Socket.prototype, ['bind', 'send']],
    ...[node('node:dns'), dns.promises, dns.Resolver.prototype, dns.promises.Resolver.prototype].map((holder): Row => [
      'network',
      holder,
      called(holder, asks),
    ]),
    ['network', globalThis, ['fetch'], isOfNetwork],
    ['randomness', Math, ['random']],
    [
      'randomness',
      node('node:crypto'),
      called(node('node:crypto'), /^(random|pseudoRandom|p?rng$|generate|getRandom|sign$|publicEncrypt$|encapsulate$)/),
    ],
    ['randomness', node('node:crypto'), ['createDiffieHellman'], ([prime]) => typeof prime === 'number'],
    ['randomness', crypto.Sign.prototype, ['sign']],
    ...[crypto.ECDH, crypto.DiffieHellman, crypto.DiffieHellmanGroup].map(({ prototype }): Row => [
      'randomness',
      prototype,
      ['generateKeys'],
    ]),
    ['randomness', Object.getPrototypeOf(crypto.webcrypto) as object, ['getRandomValues', 'randomUUID']],
    ['randomness', subtle, ['generateKey']],
    ['randomness', subtle, ['sign', 'encrypt'], ([way]) => drawsNumbers(way)],
    ['randomness', subtle, ['wrapKey'], ([, , , way]) => drawsNumbers(way)],
    ['randomness', URL, ['createObjectURL']],
    [
      'clock',
      Object.getPrototypeOf(performance) as object,
      words('now mark measure toJSON eventLoopUtilization timerify'),
    ],
    ['clock', process, words('hrtime uptime cpuUsage resourceUsage')],
    ['clock', process.hrtime, ['bigint']],
    ['clock', node('node:perf_hooks'), words('monitorEventLoopDelay PerformanceObserver')],
    ['clock', Object.getPrototypeOf(createHistogram()) as object, ['recordDelta']],
    ['clock', process.report, ['getReport', 'writeReport']],
    ['clock', Date, ['now']],
    ['clock', globalThis, ['Date'], (args, isNew) => args.length === 0 || !isNew],
    ['clock', globalThis, ['File'], ([, , options]) => optionOf(options, 'lastModified') === undefined],
    ['clock', Intl.DateTimeFormat.prototype, ['formatToParts'], ([date]) => date === undefined],
  ]
}

/** Properties that tell the time. */
export const clockGetters: readonly (readonly [holder: object, name: string])[] = [
  ...words('timeOrigin nodeTiming').map((name) => [Object.getPrototypeOf(performance) as object, name] as const),
  [Event.prototype, 'timeStamp'],
]

/** Of what `fetch` is given. */
const addressOf = (given: unknown): string =>
  typeof given === 'string' ? given : String(optionOf(given, 'href') ?? optionOf(given, 'url') ?? '')
