/** A folder of files on this machine's own address, with the headers under which browsers allow threads. */
import * as fs from 'node:fs'
import { createServer } from 'node:http'
import * as path from 'node:path'
import * as Effect from 'effect/Effect'
import { sentenceOf } from '../../base/errors.js'
import { UsageError } from '../../runtime/errors.js'
import { say } from './print.js'

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.json': 'application/json',
  '.wasm': 'application/wasm',
}

const headersOf = (file: string, bytes: number): Readonly<Record<string, string | number>> => ({
  'Content-Type': types[path.extname(file)] ?? 'application/octet-stream',
  'Content-Length': bytes,
  'Cache-Control': 'no-cache',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
  'X-Content-Type-Options': 'nosniff',
})

/** Path of a URL → file, of all that is there: nothing else is served, whatever a path says. */
const filesOf = (folder: string): ReadonlyMap<string, string> =>
  new Map(
    fs
      .readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .flatMap((entry) => {
        const file = path.join(entry.parentPath, entry.name)
        const url = `/${path.relative(folder, file).split(path.sep).map(encodeURIComponent).join('/')}`
        return url === '/index.html' ? [['/', file] as const, [url, file] as const] : [[url, file] as const]
      }),
  )

/** Serves until it is interrupted. Fails with a UsageError where the port is taken. */
export const serveFolder = (folder: string, port: number): Effect.Effect<never, UsageError> =>
  Effect.callback<never, UsageError>((resume) => {
    const files = filesOf(folder)
    const server = createServer((request, response) => {
      const file = files.get(new URL(request.url ?? '/', 'http://localhost').pathname)
      if ((request.method !== 'GET' && request.method !== 'HEAD') || file === undefined) {
        response.writeHead(file === undefined ? 404 : 405).end()
        return
      }
      const stream = fs.createReadStream(file)
      // Removed since: the connection says so.
      stream.on('error', () => response.destroy())
      stream.on('open', () => {
        response.writeHead(200, headersOf(file, fs.statSync(file).size))
        if (request.method === 'HEAD') response.end()
        else stream.pipe(response)
      })
    })
    server.on('error', (cause) =>
      resume(
        Effect.fail(
          new UsageError({
            message: `nothing can be served on port ${port}: ${sentenceOf(cause)}`,
            hint: 'name another one with --port; 0 takes any that is free',
            cause,
          }),
        ),
      ),
    )
    server.listen(port, '127.0.0.1', () => {
      const address = server.address()
      say(`http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : port}/  (Ctrl-C ends)`)
    })
    return Effect.sync(() => {
      server.close()
      server.closeAllConnections()
    })
  })
