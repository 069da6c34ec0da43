/** What Node's loader of ES modules is hooked with, to hear of what it loads and looks for. */
import { Module, register } from 'node:module'
import { fileURLToPath } from 'node:url'
import * as vm from 'node:vm'
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads'
import { isOwnCall, loaderHooksFile } from './traced-calls.js'

/** What was asked for and what it came to, if it did; with the identity of the file that it is. */
export interface LoaderMessage {
  readonly request?: string | undefined
  readonly parent?: string | undefined
  readonly found?: string | undefined
  readonly identity?: string | undefined
}

/** `isOwn`: this program has the module loaded. */
type Hear = (message: LoaderMessage, isOwn: boolean) => void

/**
 * Of Node's loader; in a thread of its own `next` is asynchronous. What is resolved is loaded next; hooks of loading
 * itself some versions of Node cannot have in both threads.
 */
const hooks = `(hear, identityOf, fileURLToPath) => {
  const place = (url) => url?.startsWith('file:') ? fileURLToPath(url) : undefined
  const tell = (specifier, parentURL, url) => {
    try {
      const isPath = /^([.]{0,2}[/]|file:)/.test(specifier)
      const request = isPath ? place(new URL(specifier, parentURL).href) : specifier
      const found = place(url)
      hear({ request, parent: place(parentURL), found, identity: found && identityOf(found) })
    } catch {}
  }
  return {
    resolve: (specifier, context, next) => {
      const failed = (error) => { tell(specifier, context.parentURL); throw error }
      const told = (found) => { tell(specifier, context.parentURL, found.url); return found }
      let found
      try {
        found = next(specifier, context)
      } catch (error) {
        failed(error)
      }
      return found instanceof Promise ? found.then(told, failed) : told(found)
    },
  }
}`

/** In the loader's own thread, to which no other code of this program belongs; identities are those of `identityOf`. */
const threaded = `
  import { statSync } from 'node:fs'
  import { fileURLToPath } from 'node:url'
  const identityOf = (file) => {
    const stat = statSync(file, { bigint: true, throwIfNoEntry: false })
    return stat && [stat.dev, stat.ino, stat.size, stat.mtimeNs, stat.ctimeNs].join(':')
  }
  let port
  export const initialize = (given) => { port = given }
  export const { resolve } = (${hooks})((message) => port.postMessage(message), identityOf, fileURLToPath)`

const { registerHooks } = Module as unknown as { registerHooks?: (hooks: object) => void }

/** Whether hooks are called in the thread that loads; one of their own takes 60 ms to start. */
export const loaderHooksAreNear = registerHooks !== undefined

/**
 * From now on `hear` is told of every module that is imported: at once where Node's loader has hooks in this thread
 * (from Node 22.15 on), else when this thread has nothing else to do. What it gives has it hear all that is waiting.
 * `identityOf` asks for that of a file without being told.
 */
export const hookLoader = (hear: Hear, identityOf: (file: string) => string | undefined): (() => void) => {
  if (registerHooks !== undefined) {
    const make = vm.runInThisContext(hooks, { filename: loaderHooksFile }) as (...given: unknown[]) => object
    // Whoever has the module loaded is on the stack above it.
    const tell = (message: LoaderMessage): void => hear(message, isOwnCall(tell))
    registerHooks(make(tell, identityOf, fileURLToPath))
    return () => {}
  }
  const { port1, port2 } = new MessageChannel()
  register(`data:text/javascript,${encodeURIComponent(threaded)}`, { data: port2, transferList: [port2] })
  port1.on('message', (message: LoaderMessage) => hear(message, false))
  port1.unref()
  return () => {
    for (let next = receiveMessageOnPort(port1); next !== undefined; next = receiveMessageOnPort(port1)) {
      hear(next.message as LoaderMessage, false)
    }
  }
}
