/**
 * Keeps the page, and the weights once they were fetched, for when there is no network. It also gives the two headers
 * under which browsers allow threads, where the page's server does not.
 */
interface ExtendableEvent extends Event {
  readonly waitUntil: (what: Promise<unknown>) => void
}
interface FetchEvent extends ExtendableEvent {
  readonly request: Request
  readonly respondWith: (response: Promise<Response>) => void
}
interface Scope {
  readonly addEventListener: {
    (type: 'install' | 'activate', listener: (event: ExtendableEvent) => void): void
    (type: 'fetch', listener: (event: FetchEvent) => void): void
  }
  readonly clients: { readonly claim: () => Promise<void> }
  readonly skipWaiting: () => Promise<void>
}
const scope = globalThis as unknown as Scope

/** Of all files of the page: another page has another cache. */
const version = new URL(location.href).searchParams.get('version') ?? ''
const prefix = 'genepool-demo '
const cacheName = prefix + version

const page = ['./', 'page.css', 'page.js', 'inference.js', 'pool.json', 'samples.bin']

scope.addEventListener('install', (event) => {
  event.waitUntil(
    caches
      .open(cacheName)
      .then((cache) => cache.addAll(page))
      .then(() => scope.skipWaiting()),
  )
})

scope.addEventListener('activate', (event) => {
  const removeOld = async (): Promise<void> => {
    const names = await caches.keys()
    await Promise.all(
      names.filter((name) => name.startsWith(prefix) && name !== cacheName).map((name) => caches.delete(name)),
    )
    await scope.clients.claim()
  }
  event.waitUntil(removeOld())
})

const isolated = (response: Response): Response => {
  const headers = new Headers(response.headers)
  headers.set('Cross-Origin-Opener-Policy', 'same-origin')
  headers.set('Cross-Origin-Embedder-Policy', 'require-corp')
  const { status, statusText } = response
  return new Response(response.body, { headers, status, statusText })
}

const answer = async (request: Request): Promise<Response> => {
  const cache = await caches.open(cacheName)
  const kept = await cache.match(request)
  if (kept !== undefined) return isolated(kept)
  const response = await fetch(request)
  if (response.status === 200) await cache.put(request, response.clone())
  return isolated(response)
}

scope.addEventListener('fetch', (event) => {
  const { request } = event
  if (request.method === 'GET' && new URL(request.url).origin === location.origin) event.respondWith(answer(request))
})
