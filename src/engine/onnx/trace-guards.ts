/**
 * What a function may not do while it is traced, because the graph would silently keep what happened once: draw random
 * numbers, make variables or assign to them. Guards stand only as long as the function runs.
 */
import * as tf from '@tensorflow/tfjs'
import { EngineError } from '../engine.js'
import { tracedStackDepth } from './call-place.js'

/** Marks the scopes that TensorFlow.js opens for its operations. */
const operationSuffix = '__op'

/** The TensorFlow.js operation that is being computed: the outermost of those that call each other. */
export const currentOperation = (): string | undefined => {
  const { scopeStack } = tf.engine().state
  let outermost: string | undefined
  for (let depth = scopeStack.length - 1; depth >= 0; depth--) {
    const { name } = scopeStack[depth]!
    if (!name.endsWith(operationSuffix)) break
    outermost = name.slice(0, -operationSuffix.length)
  }
  return outermost
}

/** As sentences begin: the operation where there is one, else the kernel (of a gradient, for example). */
export const namedOperation = (kernel: string): string => {
  const operation = currentOperation()
  return `the TensorFlow.js ${operation === undefined ? `kernel ${kernel}` : `operation ${operation}`}`
}

const randomOperations: ReadonlySet<string> = new Set(
  [
    'rand',
    'randomGamma',
    'randomNormal',
    'randomStandardNormal',
    'randomUniform',
    'randomUniformInt',
    'truncatedNormal',
  ].map((name) => `${name}${operationSuffix}`),
)

/** An error about a random number, drawn by the operation that runs or by the function itself. */
const randomness = (label: string): EngineError => {
  const operation = currentOperation()
  const drawn = operation === undefined ? 'Math.random was called' : `${namedOperation('')} draws random numbers`
  return new EngineError(
    `${label}: ${drawn}, and a trace would use the same ones in every run; draw them outside and pass them in as an input`,
  )
}

/** Refuses values that a random operation, seeded or not, has just drawn. */
export const refuseRandomValues = (label: string): void => {
  if (randomOperations.has(tf.engine().state.activeScope?.name ?? '')) throw randomness(label)
}

const stateless = 'a traced function keeps no state: pass the value in as an input and return what becomes of it'

/** Runs the body with a property replaced. */
const replaced = <T>(target: object, key: string, value: unknown, body: () => T): T => {
  const before = Object.getOwnPropertyDescriptor(target, key)
  // Reflect does not throw where the property cannot be changed.
  Reflect.defineProperty(target, key, { value, configurable: true, writable: true, enumerable: false })
  try {
    return body()
  } finally {
    if (before === undefined) Reflect.deleteProperty(target, key)
    else Reflect.defineProperty(target, key, before)
  }
}

/** Runs a synchronous body; errors in it know where the user's code called. */
export const guarded = <T>(label: string, body: () => T): T => {
  const random = () => {
    throw randomness(label)
  }
  const makeVariable = () => {
    throw new EngineError(`${label}: tf.variable was called, but ${stateless}`)
  }
  function assign(this: tf.Variable) {
    throw new EngineError(`${label}: the variable ${this.name} was assigned to, but ${stateless}`)
  }
  return replaced(Error, 'stackTraceLimit', tracedStackDepth, () =>
    replaced(Math, 'random', random, () =>
      replaced(tf.engine(), 'makeVariable', makeVariable, () =>
        replaced(tf.Variable.prototype, 'assign', assign, body),
      ),
    ),
  )
}
