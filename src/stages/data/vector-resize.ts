/** The passes of resize.ts for three channels by the processor's vectors: resize.wat, several values at a time. */
import { RESIZE_KERNEL } from './resize-kernel.js'

/** For every place of an axis its first source pixel, how many there are, and their weights, `stride` a place. */
export interface AxisWeights {
  readonly length: number
  readonly starts: Int32Array
  readonly counts: Int32Array
  readonly weights: Int32Array
  readonly stride: number
}

interface Kernel {
  readonly memory: { readonly buffer: ArrayBuffer; readonly grow: (pages: number) => number }
  readonly across: (...values: readonly number[]) => void
  readonly down: (...values: readonly number[]) => void
}

/** The part of the language's library that is used here: TypeScript has it among the browser's. */
interface WebAssemblyLibrary {
  readonly validate: (bytes: Uint8Array) => boolean
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: object }
}

const { WebAssembly: library } = globalThis as unknown as { readonly WebAssembly: WebAssemblyLibrary }

let compiled: object | false | undefined

/** Undefined where the processor has no vectors. */
const openKernel = (): Kernel | undefined => {
  // Not Node's Buffer: the page of a demo resizes pictures too.
  const bytes = Uint8Array.from(atob(RESIZE_KERNEL), (letter) => letter.charCodeAt(0))
  compiled ??= library.validate(bytes) && new library.Module(bytes)
  return compiled === false ? undefined : (new library.Instance(compiled).exports as Kernel)
}

const pageBytes = 2 ** 16
const vectorBytes = 16

/** Source pixels are copied in parts of about so many bytes. */
const partBytes = 4 * 2 ** 20

/** Rows of source pixels, in bytes. */
interface SourceRows {
  readonly pixels: Uint8Array
  /** Where the first begins, how long a row is, how much of it counts, and how many there are. */
  readonly start: number
  readonly line: number
  readonly width: number
  readonly height: number
}

/** Addresses in a kernel's memory, given out one after the other. */
class Layout {
  bytes = 0

  take(bytes: number): number {
    const at = this.bytes
    this.bytes += Math.ceil(bytes / vectorBytes) * vectorBytes
    return at
  }

  takeAxis({ length, stride }: AxisWeights): readonly [starts: number, counts: number, weights: number] {
    return [this.take(4 * length), this.take(4 * length), this.take(4 * length * stride)]
  }
}

export class VectorResizer {
  readonly #kernel: Kernel

  private constructor(kernel: Kernel) {
    this.#kernel = kernel
  }

  /** Undefined where the processor has no vectors. */
  static open(): VectorResizer | undefined {
    const kernel = openKernel()
    return kernel && new VectorResizer(kernel)
  }

  /** Fills `target` `[vertical.length, horizontal.length, 3]`. The first of the rows is number `first` of the box. */
  resize(
    { pixels, start, line, width, height }: SourceRows,
    first: number,
    horizontal: AxisWeights,
    vertical: AxisWeights,
    target: Uint8ClampedArray,
  ): void {
    const { memory, across, down } = this.#kernel
    const layout = new Layout()
    const rowBytes = 3 * horizontal.length
    const alignedBytes = Math.ceil(rowBytes / vectorBytes) * vectorBytes
    const axes = [layout.takeAxis(horizontal), layout.takeAxis(vertical)] as const
    const rows = layout.take(height * alignedBytes)
    const made = layout.take(vertical.length * alignedBytes)
    const perPart = Math.min(height, Math.max(1, Math.floor(partBytes / line)))
    const source = layout.take(perPart * line + vectorBytes)
    const missing = layout.bytes - memory.buffer.byteLength
    if (missing > 0) memory.grow(Math.ceil(missing / pageBytes))
    const bytes = new Uint8Array(memory.buffer)
    for (const [index, { length, starts, counts, weights, stride }] of [horizontal, vertical].entries()) {
      const [startsAt, countsAt, weightsAt] = axes[index]
      const words = new Int32Array(memory.buffer)
      words.set(starts, startsAt / 4)
      words.set(counts, countsAt / 4)
      words.set(weights.subarray(0, length * stride), weightsAt / 4)
    }
    for (let row = 0; row < height; row += perPart) {
      const count = Math.min(perPart, height - row)
      const from = start + row * line
      bytes.set(pixels.subarray(from, from + (count - 1) * line + width), source)
      const into = rows + row * alignedBytes
      across(source, line, count, into, alignedBytes, horizontal.length, ...axes[0], 4 * horizontal.stride)
    }
    down(rows, alignedBytes, first, vertical.length, made, ...axes[1], 4 * vertical.stride)
    for (let y = 0; y < vertical.length; y++) {
      const at = made + y * alignedBytes
      target.set(bytes.subarray(at, at + rowBytes), y * rowBytes)
    }
  }
}
