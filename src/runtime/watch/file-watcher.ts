/**
 * Tells when something may have happened to one of a set of files. Folders are watched rather than files, so that a
 * file that is deleted and comes back, one that is renamed over and one that is not there yet are all noticed. And the
 * folders on the way to these, from the root down, for the one name that is passed in each: a link that is turned and a
 * folder that is replaced are noticed too.
 */
import * as fs from 'node:fs'
import * as path from 'node:path'
import type { FSWatcher } from 'chokidar'
import * as Effect from 'effect/Effect'
import * as Option from 'effect/Option'
import * as Queue from 'effect/Queue'
import { errorCode, sentenceOf } from '../../base/errors.js'
import { isFolderSource, watchableFolders } from '../folder-source.js'
import { Ways } from './ways.js'

/** How long nothing may have happened before a burst counts as over. */
const quietMs = 150

/** After this it is over in any case, so that a file that is written all the time does not keep the others waiting. */
const longestMs = 1_500

/**
 * Waits for a first hint and then until they stop coming; takes them all. A burst of saves, an editor that writes a
 * file in two steps, a checkout of another branch are one change.
 */
export const nextBurst = Effect.fnUntraced(function* (hints: Queue.Dequeue<void>) {
  yield* Queue.take(hints)
  const end = Date.now() + longestMs
  for (;;) {
    const patience = Math.min(quietMs, end - Date.now())
    if (patience <= 0) return
    const more = yield* Queue.takeAll(hints).pipe(Effect.timeoutOption(patience))
    if (Option.isNone(more)) return
  }
})

interface WatcherListener {
  readonly onHint: () => void
  /** The system does not tell: files are looked at every now and then instead. */
  readonly onTrouble: (message: string) => void
}

/** How often files are looked at where the system does not tell what happens to them. */
const lookEveryMs = 2_000

/** Of a folder that is itself to be watched, any entry. */
const anyName = '*'

/** A folder, and which of its entries count. */
type Folders = ReadonlyMap<string, ReadonlySet<string>>

/** Which folder it is; undefined where there is none, or a link that leads back to itself. */
const folderAt = (place: string): string | undefined => {
  try {
    const stat = fs.statSync(place)
    return stat.isDirectory() ? `${stat.dev}:${stat.ino}` : undefined
  } catch {
    return undefined
  }
}

/**
 * For each file the folder that it is in, or, where that is not there, the nearest one above and the folder missing in
 * it.
 */
const foldersOf = (files: readonly string[]): Folders => {
  const folders = new Map<string, Set<string>>()
  for (const file of files) {
    let [folder, name] = [path.dirname(file), path.basename(file)]
    while (!fs.existsSync(folder) && path.dirname(folder) !== folder) {
      ;[folder, name] = [path.dirname(folder), path.basename(folder)]
    }
    const names = folders.get(folder) ?? new Set()
    folders.set(folder, names.add(name))
    if (folderAt(file) !== undefined) {
      folders.set(file, (folders.get(file) ?? new Set()).add(anyName))
    }
  }
  return folders
}

/** Changes when other folders are to be watched, or when one of them is not the folder that it was. */
const signatureOf = (folders: Folders): string =>
  [...folders]
    .map(([folder, names]) => JSON.stringify([folder, folderAt(folder) ?? null, [...names].sort()]))
    .sort()
    .join('\n')

interface WatchedFolder {
  readonly folder: string
  readonly watcher: fs.FSWatcher
}

export class FileWatcher {
  readonly #listener: WatcherListener
  /** By real folder on the way to a file. chokidar would list all that is in it. */
  readonly #passed = new Map<string, WatchedFolder>()
  /** Folders of which anything counts, one watch each, however many files they hold. */
  readonly #below = new Map<string, WatchedFolder>()
  #ways = new Ways()
  #signature = ''
  #watcher: FSWatcher | undefined
  #polling: NodeJS.Timeout | undefined

  constructor(listener: WatcherListener) {
    this.#listener = listener
  }

  /**
   * Watches these files and no others; when it is done, whatever happens to them from now on is told. Of a path that
   * ends with a separator all that is below it is watched.
   */
  async watch(paths: readonly string[]): Promise<void> {
    this.#watchWays(paths)
    this.#watchBelow(paths.filter(isFolderSource))
    const folders = foldersOf(paths.filter((each) => !isFolderSource(each)))
    const signature = signatureOf(folders)
    if (signature === this.#signature) return
    const old = this.#watcher
    this.#signature = signature
    this.#watcher = await this.#start(folders)
    await old?.close()
  }

  async close(): Promise<void> {
    clearInterval(this.#polling)
    for (const { watcher } of [...this.#passed.values(), ...this.#below.values()]) watcher.close()
    await this.#watcher?.close()
  }

  #watchWays(files: readonly string[]): void {
    this.#ways = new Ways()
    for (const file of files) this.#ways.follow(file)
    for (const [place, { folder, watcher }] of this.#passed) {
      if (this.#ways.names.has(place) && folderAt(place) === folder) continue
      watcher.close()
      this.#passed.delete(place)
    }
    for (const place of this.#ways.names.keys()) if (!this.#passed.has(place)) this.#pass(place)
  }

  #watchBelow(roots: readonly string[]): void {
    const wanted = new Set(roots.flatMap(watchableFolders))
    for (const [place, { folder, watcher }] of this.#below) {
      if (wanted.has(place) && folderAt(place) === folder) continue
      watcher.close()
      this.#below.delete(place)
    }
    for (const place of wanted) if (!this.#below.has(place)) this.#open(place, this.#below, () => true)
  }

  #pass(place: string): void {
    // A folder that is itself removed gives its own name.
    const isPassed = (name: string): boolean =>
      this.#ways.names.get(place)?.has(name) === true || name === path.basename(place)
    this.#open(place, this.#passed, isPassed)
  }

  /** Watches a folder for the names that count in it. */
  #open(place: string, among: Map<string, WatchedFolder>, counts: (name: string) => boolean): void {
    const folder = folderAt(place)
    if (folder === undefined) return
    try {
      const watcher = fs.watch(place, (_event, name) => {
        if (name === null || counts(name)) this.#listener.onHint()
      })
      // It has gone, which the folder above tells.
      watcher.on('error', () => {})
      among.set(place, { folder, watcher })
      // What happened before it was watched was not told.
      this.#listener.onHint()
    } catch (cause) {
      if (errorCode(cause) === 'ENOENT') return
      // One that may be passed and not be listed is nothing to warn of.
      const isClosed = ['EACCES', 'EPERM'].includes(errorCode(cause) ?? '')
      this.#poll(isClosed ? undefined : sentenceOf(cause))
    }
  }

  async #start(folders: Folders): Promise<FSWatcher> {
    const { watch } = await import('chokidar')
    const counts = (file: string): boolean => {
      const names = folders.get(path.dirname(file))
      return names !== undefined && (names.has(path.basename(file)) || names.has(anyName))
    }
    const watcher = watch([...folders.keys()], {
      depth: 0,
      ignoreInitial: true,
      ignored: (file) => !folders.has(file) && !counts(file),
    })
    watcher.on('all', this.#listener.onHint)
    // Also what chokidar makes no event of: it tells a file that is renamed over twice within a moment only once.
    watcher.on('raw', (_event, name, details) => {
      const { watchedPath } = details as { readonly watchedPath?: string }
      if (watchedPath === undefined) return
      // A folder that is itself removed gives its own name.
      const isOther = folders.has(watchedPath) && typeof name === 'string' && name !== path.basename(watchedPath)
      if (!isOther || counts(path.join(watchedPath, name))) this.#listener.onHint()
    })
    watcher.on('error', (cause) => this.#poll(sentenceOf(cause)))
    await new Promise<void>((resolve) => watcher.once('ready', () => resolve()))
    return watcher
  }

  #poll(because?: string): void {
    if (this.#polling !== undefined) return
    this.#polling = setInterval(this.#listener.onHint, lookEveryMs)
    if (because !== undefined) this.#listener.onTrouble(because)
  }
}
