/** One case for every kernel and every shape of call that the trace treats in its own way. */
import type { KernelCase } from './cases.js'
import * as convolution from './kernel-cases/convolution.js'
import * as elementwise from './kernel-cases/elementwise.js'
import * as images from './kernel-cases/images.js'
import * as layout from './kernel-cases/layout.js'
import * as placing from './kernel-cases/placing.js'
import * as pooling from './kernel-cases/pooling.js'
import * as products from './kernel-cases/products.js'
import * as reductions from './kernel-cases/reductions.js'

const families = [elementwise, reductions, layout, placing, products, convolution, pooling, images]

/** Differentiable in every float input. */
export const smoothCases: readonly KernelCase[] = families.flatMap(({ smooth }) => smooth)

/** Without a gradient worth comparing. */
export const discreteCases: readonly KernelCase[] = families.flatMap(({ discrete }) => discrete)
