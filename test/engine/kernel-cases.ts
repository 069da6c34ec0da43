/** One case for every kernel and every shape of call that the trace treats in its own way. */
import * as tf from '@tensorflow/tfjs'
import type { TensorFunction } from '../../src/engine/engine.js'
import { type CaseInput, floats, integers, type KernelCase } from './cases.js'

type Inputs = Parameters<TensorFunction>[0]

const on =
  (fn: (inputs: Inputs) => tf.Tensor): TensorFunction =>
  (inputs) => ({ result: fn(inputs) })

const unary = (name: string, fn: (x: tf.Tensor) => tf.Tensor, low = -2, high = 2): KernelCase[] =>
  [[], [1], [7], [3, 1, 5]].map((shape) => ({
    title: `${name} of [${shape}]`,
    fn: on(({ x }) => fn(x!)),
    inputs: { x: floats(shape, low, high) },
  }))

const pairs: readonly (readonly [readonly number[], readonly number[]])[] = [
  [[], []],
  [[], [3]],
  [[7], [1]],
  [
    [3, 1, 5],
    [4, 1],
  ],
  [
    [2, 3],
    [2, 3],
  ],
  [[3], [2, 1, 3]],
]

const binary = (
  name: string,
  fn: (a: tf.Tensor, b: tf.Tensor) => tf.Tensor,
  make: (shape: readonly number[]) => CaseInput = floats,
  makeSecond = make,
): KernelCase[] =>
  pairs.map(([a, b]) => ({
    title: `${name} of [${a}] and [${b}]`,
    fn: on((inputs) => fn(inputs['a']!, inputs['b']!)),
    inputs: { a: make(a), b: makeSecond(b) },
  }))

const one = (
  title: string,
  inputs: Readonly<Record<string, CaseInput>>,
  fn: (inputs: Inputs) => tf.Tensor,
): KernelCase => ({
  title,
  fn: on(fn),
  inputs,
})

const positive = (shape: readonly number[]): CaseInput => floats(shape, 0.2, 3)
const nonZero = (shape: readonly number[]): CaseInput => integers(shape, 1, 6)
const few = (shape: readonly number[]): CaseInput => integers(shape, 0, 3)

const asBool = (x: tf.Tensor): tf.Tensor => tf.cast(x, 'bool')

/** Differentiable in every float input. */
export const smoothCases: readonly KernelCase[] = [
  ...binary('add', tf.add),
  ...binary('sub', tf.sub),
  ...binary('mul', tf.mul),
  ...binary('div', tf.div, floats, positive),
  ...binary('pow', tf.pow, positive),
  one('maximum', { a: floats([2, 7]), b: floats([2, 7]) }, ({ a, b }) => tf.maximum(a!, b!)),
  one('minimum', { a: floats([2, 7]), b: floats([2, 7]) }, ({ a, b }) => tf.minimum(a!, b!)),
  one('squaredDifference', { a: floats([2, 7]), b: floats([2, 7]) }, ({ a, b }) => tf.squaredDifference(a!, b!)),
  ...unary('neg', tf.neg),
  ...unary('abs', tf.abs),
  ...unary('exp', tf.exp),
  ...unary('expm1', tf.expm1),
  ...unary('log', tf.log, 0.1, 4),
  ...unary('log1p', tf.log1p, -0.5, 4),
  ...unary('sqrt', tf.sqrt, 0.1, 4),
  ...unary('rsqrt', tf.rsqrt, 0.1, 4),
  ...unary('square', tf.square),
  ...unary('reciprocal', tf.reciprocal, 0.3, 2),
  ...unary('erf', tf.erf),
  ...unary('sigmoid', tf.sigmoid),
  ...unary('tanh', tf.tanh),
  ...unary('softplus', tf.softplus),
  ...unary('relu', tf.relu),
  ...unary('relu6', tf.relu6, -3, 9),
  ...unary('leakyRelu', (x) => tf.leakyRelu(x, 0.1)),
  ...unary('clipByValue', (x) => tf.clipByValue(x, -1, 1)),
  ...unary('sin', tf.sin),
  ...unary('cos', tf.cos),
  ...unary('tan', tf.tan, -1, 1),
  ...unary('asin', tf.asin, -0.9, 0.9),
  ...unary('acos', tf.acos, -0.9, 0.9),
  ...unary('atan', tf.atan),
  ...unary('sinh', tf.sinh),
  ...unary('cosh', tf.cosh),
  ...unary('asinh', tf.asinh),
  ...unary('acosh', tf.acosh, 1.2, 3),
  ...unary('atanh', tf.atanh, -0.9, 0.9),
  one('addN', { a: floats([2, 3]), b: floats([2, 3]), c: floats([2, 3]) }, ({ a, b, c }) => tf.addN([a!, b!, c!])),
  one('sum over everything', { x: floats([3, 4]) }, ({ x }) => tf.sum(x!)),
  one('sum over the last axis, kept', { x: floats([3, 1, 5]) }, ({ x }) => tf.sum(x!, -1, true)),
  one('sum over two axes', { x: floats([3, 4, 5]) }, ({ x }) => tf.sum(x!, [0, 2])),
  one('sum over an axis of one element', { x: floats([3, 1, 5]) }, ({ x }) => tf.sum(x!, 1)),
  one('mean over the first axis', { x: floats([7, 3]) }, ({ x }) => tf.mean(x!, 0)),
  one('mean of a scalar', { x: floats([]) }, ({ x }) => tf.mean(x!)),
  one('max over an axis', { x: floats([3, 7]) }, ({ x }) => tf.max(x!, 1)),
  one('min over an axis', { x: floats([3, 7]) }, ({ x }) => tf.min(x!, 0, true)),
  one('softmax', { x: floats([3, 1, 7]) }, ({ x }) => tf.softmax(x!)),
  one('softmax of one class', { x: floats([3, 1]) }, ({ x }) => tf.softmax(x!)),
  one('logSoftmax', { x: floats([3, 7]) }, ({ x }) => tf.logSoftmax(x!)),
  one('cumsum', { x: floats([3, 4]) }, ({ x }) => tf.cumsum(x!, 1)),
  one('reshape', { x: floats([3, 4]) }, ({ x }) => tf.reshape(tf.reshape(x!, [2, 6]), [-1, 3])),
  one('expandDims and squeeze', { x: floats([3, 1]) }, ({ x }) => tf.squeeze(tf.expandDims(x!, 0), [2])),
  one('transpose', { x: floats([2, 3, 4, 5]) }, ({ x }) => tf.transpose(x!, [0, 2, 1, 3])),
  one('transpose twice', { x: floats([2, 3, 4]) }, ({ x }) => tf.transpose(tf.transpose(x!, [2, 0, 1]), [0, 2, 1])),
  one('transpose of axes of one element', { x: floats([3, 1, 4]) }, ({ x }) => tf.transpose(x!, [1, 0, 2])),
  one('slice', { x: floats([3, 5]) }, ({ x }) => tf.slice(x!, [1, 2], [2, -1])),
  one('slices of one tensor added', { x: floats([2, 7]) }, ({ x }) =>
    tf.add(tf.mul(tf.slice(x!, [0, 0], [2, 3]), 2), tf.square(tf.slice(x!, [0, 4], [2, 3]))),
  ),
  one('overlapping slices of one tensor', { x: floats([7]) }, ({ x }) =>
    tf.mul(tf.slice(x!, [0], [4]), tf.slice(x!, [2], [4])),
  ),
  one('concat', { a: floats([2, 3]), b: floats([2, 1]) }, ({ a, b }) => tf.concat([a!, b!, a!], 1)),
  one('stack', { a: floats([3]), b: floats([3]) }, ({ a, b }) => tf.stack([a!, b!], 1)),
  one('unstack', { x: floats([2, 3]) }, ({ x }) => {
    const [first, second] = tf.unstack(x!, 0)
    return tf.mul(first!, second!)
  }),
  one('split', { x: floats([3, 7]) }, ({ x }) => {
    const [first, second] = tf.split(x!, [2, 5], 1)
    return tf.concat([second!, tf.square(first!)], 1)
  }),
  one('tile', { x: floats([2, 3]) }, ({ x }) => tf.tile(x!, [2, 3])),
  one('pad', { x: floats([2, 3]) }, ({ x }) =>
    tf.pad(
      x!,
      [
        [1, 0],
        [2, 1],
      ],
      0.5,
    ),
  ),
  one('reverse', { x: floats([3, 4]) }, ({ x }) => tf.reverse(x!, [0, 1])),
  one('broadcastTo', { x: floats([3, 1]) }, ({ x }) => tf.broadcastTo(x!, [2, 3, 4])),
  one('where', { c: few([2, 3]), a: floats([2, 3]), b: floats([2, 3]) }, ({ c, a, b }) =>
    tf.where(tf.greater(c!, 0), tf.mul(a!, 2), b!),
  ),
  one('gather', { x: floats([5, 3]), i: few([4]) }, ({ x, i }) => tf.gather(x!, i as tf.Tensor1D)),
  one('gather along the last axis', { x: floats([2, 3]), i: few([4]) }, ({ x, i }) =>
    tf.gather(x!, i as tf.Tensor1D, 1),
  ),
  one('unsortedSegmentSum', { x: floats([5, 3]), i: few([5]) }, ({ x, i }) =>
    tf.unsortedSegmentSum(x!, i as tf.Tensor1D, 4),
  ),
  ...[
    [false, false],
    [false, true],
    [true, false],
    [true, true],
  ].flatMap(([first, second]) =>
    [[], [3], [2, 3]].map((batch) =>
      one(
        `matMul of batch [${batch}]${first ? ', first transposed' : ''}${second ? ', second transposed' : ''}`,
        {
          a: floats([...batch, ...(first ? [5, 4] : [4, 5])]),
          b: floats([...batch, ...(second ? [7, 5] : [5, 7])]),
        },
        ({ a, b }) => tf.matMul(a!, b!, first, second),
      ),
    ),
  ),
  one('matMul of one row and one column', { a: floats([1, 3]), b: floats([3, 1]) }, ({ a, b }) => tf.matMul(a!, b!)),
  one('matMul after swapped axes', { a: floats([2, 3, 4]), b: floats([2, 3, 5]) }, ({ a, b }) =>
    tf.matMul(tf.transpose(a!, [0, 2, 1]), b!),
  ),
  one('fused matMul', { a: floats([4, 3]), b: floats([5, 3]), c: floats([5]) }, ({ a, b, c }) =>
    tf.fused.matMul({ a: a as tf.Tensor2D, b: b as tf.Tensor2D, transposeB: true, bias: c! }),
  ),
  ...(['valid', 'same'] as const).flatMap((padding) =>
    [1, 2].map((stride) =>
      one(
        `conv2d, ${padding}, stride ${stride}`,
        { x: floats([2, 7, 6, 3]), filter: floats([3, 2, 3, 4]) },
        ({ x, filter }) => tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, stride, padding),
      ),
    ),
  ),
  one('conv2d of patches', { x: floats([2, 8, 8, 1]), filter: floats([4, 4, 1, 5]) }, ({ x, filter }) =>
    tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 4, 'valid'),
  ),
]

/** Without a gradient worth comparing. */
export const discreteCases: readonly KernelCase[] = [
  ...binary('add of integers', tf.add, integers),
  ...binary('mul of integers', tf.mul, integers),
  ...binary('sub of integers', tf.sub, integers),
  ...binary('maximum of integers', tf.maximum, integers),
  ...binary('floorDiv of integers', tf.floorDiv, integers, nonZero),
  ...binary('maximum', tf.maximum),
  ...binary('minimum', tf.minimum),
  ...binary('squaredDifference', tf.squaredDifference),
  ...binary('floorDiv', tf.floorDiv, floats, positive),
  ...binary('mod', tf.mod, floats, positive),
  ...binary('mod of integers', tf.mod, integers, nonZero),
  ...binary('equal', tf.equal, few),
  ...binary('notEqual', tf.notEqual, few),
  ...binary('greater', tf.greater, few),
  ...binary('greaterEqual', tf.greaterEqual, few),
  ...binary('less', tf.less),
  ...binary('lessEqual', tf.lessEqual, few),
  ...binary('logicalAnd', (a, b) => tf.logicalAnd(asBool(a), asBool(b)), few),
  ...binary('logicalOr', (a, b) => tf.logicalOr(asBool(a), asBool(b)), few),
  ...binary('logicalXor', (a, b) => tf.logicalXor(asBool(a), asBool(b)), few),
  ...unary('logicalNot', (x) => tf.logicalNot(tf.greater(x, 0))),
  ...unary('floor', tf.floor),
  ...unary('ceil', tf.ceil),
  ...unary('round', tf.round),
  ...unary('sign', tf.sign),
  ...unary('step', (x) => tf.step(x, 0.25)),
  ...unary('isNaN', (x) => tf.isNaN(tf.log(x))),
  ...unary('isInf', (x) => tf.isInf(tf.div(1, tf.relu(x)))),
  ...unary('isFinite', (x) => tf.isFinite(tf.div(1, tf.relu(x)))),
  ...unary('elu', tf.elu),
  ...unary('selu', tf.selu),
  ...unary('cast to int32', (x) => tf.cast(x, 'int32')),
  ...unary('cast to bool', (x) => tf.cast(tf.round(x), 'bool')),
  ...unary('zerosLike', tf.zerosLike),
  ...unary('onesLike', (x) => tf.add(x, tf.onesLike(x))),
  one('prelu', { x: floats([2, 3]), alpha: floats([3]) }, ({ x, alpha }) => tf.prelu(x!, alpha!)),
  one('neg of integers', { x: integers([7]) }, ({ x }) => tf.neg(x!)),
  one('sum of integers', { x: integers([3, 4]) }, ({ x }) => tf.sum(x!, 1)),
  one('mean of integers', { x: integers([3, 4]) }, ({ x }) => tf.mean(x!, 1)),
  one('max of integers', { x: integers([3, 4]) }, ({ x }) => tf.max(x!, 0)),
  one('prod', { x: floats([3, 4]) }, ({ x }) => tf.prod(x!, 1)),
  one('all', { x: few([3, 4]) }, ({ x }) => tf.all(asBool(x!), 1)),
  one('any', { x: few([3, 4]) }, ({ x }) => tf.any(asBool(x!), 0)),
  one('argMax', { x: floats([3, 7]) }, ({ x }) => tf.argMax(x!, -1)),
  one('argMax with equal values', { x: few([3, 7]) }, ({ x }) => tf.argMax(x!, 1)),
  one('argMin', { x: floats([3, 7]) }, ({ x }) => tf.argMin(x!, 0)),
  one('topk values', { x: floats([3, 7]) }, ({ x }) => tf.topk(x!, 3).values),
  one('topk indices', { x: floats([3, 7]) }, ({ x }) => tf.topk(x!, 3).indices),
  one('oneHot', { i: integers([2, 3], 0, 5) }, ({ i }) => tf.oneHot(i as tf.Tensor2D, 5)),
  one('oneHot with out-of-range indices', { i: integers([7], -2, 8) }, ({ i }) =>
    tf.oneHot(i as tf.Tensor1D, 5, 0.9, 0.1, 'float32'),
  ),
  one('gather of integers with indices of rank 2', { x: integers([5]), i: few([2, 2]) }, ({ x, i }) =>
    tf.gather(x!, i as tf.Tensor2D),
  ),
  one('gather with a batch axis', { x: floats([2, 4, 3]), i: few([2, 2]) }, ({ x, i }) =>
    tf.gather(x!, i as tf.Tensor2D, 1, 1),
  ),
  one('gatherND', { x: floats([3, 3, 2]), i: few([4, 2]) }, ({ x, i }) => tf.gatherND(x!, i!)),
  one('where of bools', { c: few([3]), a: few([3]), b: few([3]) }, ({ c, a, b }) =>
    tf.where(asBool(c!), asBool(a!), asBool(b!)),
  ),
  one('exclusive reverse cumsum', { x: floats([3, 4]) }, ({ x }) => tf.cumsum(x!, 0, true, true)),
  one('cumsum of integers', { x: integers([5]) }, ({ x }) => tf.cumsum(x!, 0)),
  one('stridedSlice', { x: floats([5, 7]) }, ({ x }) => tf.stridedSlice(x!, [0, 1], [5, 7], [2, 3])),
  one('stridedSlice backwards', { x: floats([5, 4]) }, ({ x }) => tf.stridedSlice(x!, [4, 0], [0, 4], [-2, 1])),
  one('stridedSlice backwards to the front', { x: floats([5]) }, ({ x }) => tf.stridedSlice(x!, [4], [0], [-1], 0, 1)),
  one('stridedSlice that drops an axis', { x: floats([5, 4]) }, ({ x }) =>
    tf.stridedSlice(x!, [2, 0], [3, 4], [1, 1], 0, 0, 0, 0, 1),
  ),
  one('pad of integers', { x: integers([3]) }, ({ x }) => tf.pad(x!, [[1, 2]])),
  one('tile of integers', { x: integers([2, 1]) }, ({ x }) => tf.tile(x!, [1, 3])),
  one('range, fill and linspace', { x: floats([4]) }, ({ x }) =>
    tf.addN([x!, tf.range(0, 8, 2), tf.fill(x!.shape, 0.5), tf.linspace(0, 1, 4), tf.zeros([4]), tf.eye(4).sum(0)]),
  ),
  one('matMul with a shared second factor', { a: floats([3, 4, 5]), b: floats([5, 2]) }, ({ a, b }) =>
    tf.matMul(a!, b!),
  ),
  one('fused matMul with relu', { a: floats([4, 3]), b: floats([3, 5]), c: floats([5]) }, ({ a, b, c }) =>
    tf.fused.matMul({ a: a as tf.Tensor2D, b: b as tf.Tensor2D, bias: c!, activation: 'relu' }),
  ),
  one('an input as it is', { x: floats([3]) }, ({ x }) => x!),
]
