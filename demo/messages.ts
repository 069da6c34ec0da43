/** What the page and the thread that runs models tell each other. */

/** What runs models in a browser. */
export type Backend = 'wasm' | 'webgpu'

export interface Ready {
  /** Of wasm; 1 where the page is not isolated from other origins. */
  readonly threads: number
  /** Those of this browser. */
  readonly backends: readonly Backend[]
}

/** Passes of one image through one model. */
export interface Timing {
  /** The faster one. */
  readonly backend: Backend
  /** Median of the passes, by backend. */
  readonly ms: Readonly<Partial<Record<Backend, number>>>
}

export interface Answer {
  /** `[n × classes]`. */
  readonly logits: Float32Array
  readonly ms: number
  /** Bytes of weights that were fetched since the page was opened. */
  readonly fetched: number
}

export type Request =
  | { readonly call: number; readonly kind: 'open' }
  | { readonly call: number; readonly kind: 'measure'; readonly model: number }
  | { readonly call: number; readonly kind: 'classify'; readonly model: number; readonly pixels: Float32Array }

export type Reply =
  | { readonly call: number; readonly result: Ready | Timing | Answer }
  | { readonly call: number; readonly error: string }
