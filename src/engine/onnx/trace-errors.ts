/**
 * Errors of a function under a trace: what it may not do, because the graph would silently keep what happened once
 * (draw random numbers, make variables or assign to them), in which operation an error arose, and on which line of the
 * user's code.
 */
import { findSourceMap } from 'node:module'
import { dirname, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as tf from '@tensorflow/tfjs-core'
import { EngineError } from '../engine.js'

/** Frames kept of a stack while a function is traced: TensorFlow.js's gradients nest deeply. */
const tracedStackDepth = 200

interface Frame {
  /** As Node names the module: a path or a URL. */
  readonly module: string
  readonly line: number
  readonly column: number
}

const pathOf = (module: string): string => {
  const path = module.startsWith('file:') ? fileURLToPath(module.replace(/[?#].*$/, '')) : module
  return path.replaceAll('\\', '/')
}

/**
 * The frames as they were loaded, innermost first: under source maps a library's frames name files that are not there.
 * None where the stack has been read before, because it is a text from then on.
 */
const framesOf = (error: Error): readonly Frame[] => {
  const before: unknown = Reflect.get(Error, 'prepareStackTrace')
  // Reflect.set does not throw where Error is frozen.
  Reflect.set(Error, 'prepareStackTrace', (_error: Error, sites: unknown) => sites)
  try {
    const sites: unknown = error.stack
    if (!Array.isArray(sites)) return []
    return (sites as NodeJS.CallSite[]).flatMap((site) => {
      const module = site.getFileName()
      const [line, column] = [site.getLineNumber(), site.getColumnNumber()]
      return module === null || module === undefined || module.startsWith('node:') || line === null || column === null
        ? []
        : [{ module, line, column }]
    })
  } finally {
    Reflect.set(Error, 'prepareStackTrace', before)
  }
}

/** The file and line in the source, where a source map is known. */
const sourceOf = ({ module, line, column }: Frame): readonly [file: string, line: number] => {
  const entry = findSourceMap(module)?.findEntry(line - 1, column - 1)
  return entry !== undefined && 'originalSource' in entry && entry.originalSource
    ? [pathOf(entry.originalSource), entry.originalLine + 1]
    : [pathOf(module), line]
}

// genepool: opaque it is only compared with names in stack traces
const engineFolder = `${dirname(dirname(pathOf(import.meta.url)))}/`

/**
 * `file:line` of the innermost frame that is neither TensorFlow.js's nor the engines' own; the file relative to the
 * working directory where it lies below it. Undefined where the stack has none.
 */
export const callPlace = (error: Error): string | undefined => {
  const caller = framesOf(error).find(({ module }) => {
    const path = pathOf(module)
    return !path.includes('/node_modules/@tensorflow/') && !path.startsWith(engineFolder)
  })
  if (caller === undefined) return undefined
  const [file, line] = sourceOf(caller)
  const below = relative(process.cwd(), file).replaceAll('\\', '/')
  return `${below.startsWith('..') ? file : below}:${line}`
}

/** Marks the scopes that TensorFlow.js opens for its operations. */
const operationSuffix = '__op'

/** The TensorFlow.js operation that is being computed: the outermost of those that call each other. */
const currentOperation = (): string | undefined => {
  const { scopeStack } = tf.engine().state
  let outermost: string | undefined
  for (let depth = scopeStack.length - 1; depth >= 0; depth--) {
    const { name } = scopeStack[depth]
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
    `${label}: ${drawn}, and a trace would use the same ones in every run; ` +
      'draw them outside and pass them in as an input',
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
