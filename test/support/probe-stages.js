// Stages without tensors, one for each way in which a stage can behave. Plain JavaScript: workers run them as they are.
import * as fs from 'node:fs'
import * as path from 'node:path'
import { spawn } from 'node:child_process'
import * as Effect from 'effect/Effect'

const leave = (context, text) => {
  fs.writeFileSync(path.join(context.outDir, 'value.txt'), text)
  return { length: text.length }
}
const read = (input) => fs.readFileSync(input.files['value.txt'], 'utf8')

/** Leaves `text`. */
export const write = (context) => Effect.sync(() => leave(context, context.params.text))

/** Leaves all that it reads, one after the other in brackets. */
export const join = (context) =>
  Effect.sync(() => leave(context, `(${Object.values(context.inputs).map(read).join(' ')})`))

/** Leaves its parameters and all that it reads. */
export const note = (context) =>
  Effect.sync(() =>
    leave(context, `${JSON.stringify(context.params)}(${Object.values(context.inputs).map(read).join(' ')})`),
  )

/** Leaves how long its input is: many inputs have one result. */
export const measure = (context) => Effect.sync(() => leave(context, String(read(context.inputs.from).length)))

/** Leaves what its file holds once `ms` have passed. */
export const file = (context) =>
  Effect.sleep(context.params.ms ?? 0).pipe(
    Effect.andThen(Effect.sync(() => leave(context, fs.readFileSync(context.sources.file, 'utf8')))),
  )

/** Waits until the file `go` is there. */
export const until = (context) =>
  Effect.gen(function* () {
    while (!fs.existsSync(context.params.go)) yield* Effect.sleep(10)
    return leave(context, context.params.go)
  })

/** Takes `steps` steps of `ms`; goes on from the step where it was interrupted. Writes its process id to `pidFile`. */
export const steps = (context) =>
  Effect.gen(function* () {
    const { steps, ms, pidFile } = context.params
    if (pidFile !== undefined) fs.writeFileSync(pidFile, String(process.pid))
    const checkpoint = path.join(context.checkpointDir, 'step')
    let step = fs.existsSync(checkpoint) ? Number(fs.readFileSync(checkpoint, 'utf8')) : 0
    const save = Effect.sync(() => fs.writeFileSync(checkpoint, String(step)))
    const loop = Effect.gen(function* () {
      while (step < steps) {
        yield* Effect.sleep(ms)
        step += 1
        context.progress({ phase: 'step', step, steps })
      }
    })
    yield* loop.pipe(Effect.onInterrupt(() => save))
    return leave(context, `${steps} steps`)
  })

/** Does not let itself be interrupted. */
export const stubborn = (context) =>
  Effect.sync(() => fs.writeFileSync(context.params.pidFile, String(process.pid))).pipe(
    Effect.andThen(Effect.uninterruptible(Effect.sleep(context.params.ms))),
    Effect.andThen(Effect.sync(() => leave(context, 'at last'))),
  )

/** Leaves what it was told to compute on. */
export const engine = (context) => Effect.sync(() => leave(context, JSON.stringify(context.engine)))

/** Leaves when it ran, in ms since 1970, and on how many threads; runs alone, and for its machine only. */
export const clock = (context) =>
  Effect.gen(function* () {
    const from = Date.now()
    yield* Effect.sleep(context.params.ms)
    return leave(context, JSON.stringify({ from, to: Date.now(), threads: context.engine.threads }))
  })

/** Its input has to be a number. */
export const fail = (context) => Effect.fail(new Error(context.params.message))

export const bug = () => Effect.sync(() => undefined.property)
export const lateBug = () =>
  Effect.callback(() => {
    setTimeout(() => {
      throw new TypeError('thrown where nobody catches')
    }, 10)
  })
export const abort = () => Effect.sync(() => process.abort())
export const exit = () => Effect.sync(() => process.exit(0))
export const killed = () => Effect.sync(() => process.kill(process.pid, 'SIGKILL')).pipe(Effect.andThen(Effect.never))
export const greedy = () =>
  Effect.sync(() => {
    const kept = []
    for (;;) kept.push(Array.from({ length: 1e6 }, (_, i) => ({ i })))
  })
export const empty = () => Effect.succeed({})
export const link = (context) => Effect.sync(() => fs.symlinkSync('/etc/hosts', path.join(context.outDir, 'value.txt')))

/** Leaves half a message behind when it dies. */
export const cutShort = () =>
  Effect.sync(() => {
    fs.writeSync(3, '{"type":"done","summ')
    process.exit(1)
  })

/**
 * Counts up to `to`, a number every `ms`, and writes each to `log`; goes on from where it was interrupted, or from
 * where a shorter one ended. Leaves the numbers, what it reads, and in `reached` how far it is.
 */
export const climb = (context) =>
  Effect.gen(function* () {
    const { to, ms, log } = context.params
    const checkpoint = path.join(context.checkpointDir, 'reached')
    const numberIn = (file) => (file !== undefined && fs.existsSync(file) ? Number(fs.readFileSync(file, 'utf8')) : 0)
    let reached = Math.max(numberIn(checkpoint), numberIn(context.extension?.from?.artifact.files.reached))
    const leaveIn = (outDir) =>
      Effect.sync(() => {
        if (reached === context.params.emptyAt) return {}
        fs.writeFileSync(path.join(outDir, 'reached'), String(reached))
        const numbers = Array.from({ length: reached }, (_, index) => index + 1).join(' ')
        return leave({ outDir }, `${numbers}(${Object.values(context.inputs).map(read).join(' ')})`)
      })
    while (reached < to) {
      if (reached > 0 && context.extension !== undefined) yield* context.extension.deliver(reached, leaveIn)
      yield* Effect.sleep(ms)
      reached += 1
      fs.writeFileSync(checkpoint, String(reached))
      fs.appendFileSync(log, `${reached}\n`)
      context.progress({ phase: 'climb', step: reached, steps: to })
    }
    return yield* leaveIn(context.outDir)
  })

/** How often a stage with this file has come here before. */
const visits = (file) => {
  const before = fs.existsSync(file) ? fs.readFileSync(file, 'utf8').length : 0
  fs.appendFileSync(file, '.')
  return before
}
const toItself = (signal) => Effect.sync(() => process.kill(process.pid, signal)).pipe(Effect.andThen(Effect.never))

/** Takes `steps` steps, saves each, and dies of `signal` from step `at` on, the first `times` times. */
export const crashing = (context) =>
  Effect.gen(function* () {
    const { steps, at, times, signal, visits: file } = context.params
    const checkpoint = path.join(context.checkpointDir, 'step')
    const first = fs.existsSync(checkpoint) ? Number(fs.readFileSync(checkpoint, 'utf8')) : 0
    // What an attempt that died has left here is no part of the artifact.
    fs.writeFileSync(path.join(context.outDir, `from-${first}.txt`), '')
    for (let step = first + 1; step <= steps; step++) {
      yield* Effect.sleep(5)
      fs.writeFileSync(checkpoint, String(step))
      context.progress({ phase: 'step', step, steps })
      if (step >= at && visits(file) < times) yield* toItself(signal)
    }
    return leave(context, `${steps} steps`)
  })

/** Blocks its event loop without using the processor, the first `times` times. */
export const frozen = (context) =>
  Effect.gen(function* () {
    context.progress({ phase: 'freeze', step: 1, steps: 2 })
    yield* Effect.sleep(50)
    if (visits(context.params.visits) < context.params.times)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    return leave(context, 'thawed')
  })

/** Blocks its event loop and uses the processor for `ms`. */
export const spinning = (context) =>
  Effect.gen(function* () {
    yield* Effect.sleep(50)
    for (const end = Date.now() + context.params.ms; Date.now() < end;);
    return leave(context, 'spun')
  })

/** Waits for `ms` with a quiet event loop, at one step. */
export const standing = (context) =>
  Effect.gen(function* () {
    context.progress({ phase: 'stand', step: 1, steps: 2 })
    yield* Effect.sleep(context.params.ms)
    return leave(context, 'stood')
  })

/** Takes and keeps `mebibytes` of memory, itself or in a child process; saves a checkpoint when interrupted. */
export const hungry = (context) =>
  Effect.gen(function* () {
    const { mebibytes, apart, pidFile } = context.params
    const bytes = mebibytes * 2 ** 20
    if (apart) {
      const code = `const kept = Buffer.alloc(${bytes}, 1); setInterval(() => kept, 1e6)`
      const child = spawn(process.execPath, ['-e', code], { stdio: 'ignore' })
      fs.writeFileSync(pidFile, String(child.pid))
    }
    const kept = []
    // In small pieces: it lets itself be interrupted in between.
    const own = apart ? 0 : mebibytes
    for (let taken = 0; taken < own; taken += 10) {
      kept.push(Buffer.alloc(10 * 2 ** 20, 1))
      yield* Effect.sleep(1)
    }
    yield* Effect.sleep(context.params.ms ?? 60_000)
    return leave(context, `fed ${kept.length}`)
  }).pipe(
    Effect.onInterrupt(() => Effect.sync(() => fs.writeFileSync(path.join(context.checkpointDir, 'state'), 'saved'))),
  )

/** Can say nothing any more, and lives on. */
export const mute = () => Effect.sync(() => fs.closeSync(3)).pipe(Effect.andThen(Effect.never))

/** Says that it saves `bytes` when it is interrupted, and takes `ms` for it. */
export const slowSave = (context) =>
  Effect.gen(function* () {
    const { bytes, ms } = context.params
    const file = path.join(context.checkpointDir, 'state')
    if (fs.existsSync(file)) return leave(context, 'went on')
    context.savesWhenInterrupted(bytes)
    context.progress({ phase: 'train', step: 1, steps: 2 })
    const save = Effect.gen(function* () {
      fs.writeFileSync(`${file}.${process.pid}.tmp`, 'half')
      yield* Effect.sleep(ms)
      fs.renameSync(`${file}.${process.pid}.tmp`, file)
    })
    return yield* Effect.never.pipe(Effect.onInterrupt(() => save))
  })

/** The same on the engine's device. */
export const engineSlowSave = slowSave

/** Appends its process's id and parameters to `log`; leaves `text`. */
export const signed = (context) =>
  Effect.sync(() => {
    fs.appendFileSync(context.params.log, `${process.pid} ${context.params.text}\n`)
    return leave(context, context.params.text)
  })

/** The same, and dies once. */
export const signedOrDead = (context) =>
  Effect.suspend(() => {
    fs.appendFileSync(context.params.log, `${process.pid} ${context.params.text}\n`)
    return visits(context.params.visits) === 0 ? toItself('SIGSEGV') : Effect.sync(() => leave(context, 'alive'))
  })

/** Notes in `log` when it begins and ends; takes `ms`, or until the file `go` is there. */
export const timed = (context) =>
  Effect.gen(function* () {
    const { log, ms, name, go } = context.params
    const note = (what) => fs.appendFileSync(log, `${Date.now()} ${what} ${name} ${context.engine.threads}\n`)
    note('begin')
    while (!fs.existsSync(go ?? context.outDir)) yield* Effect.sleep(10)
    yield* Effect.sleep(ms)
    note('end')
    return leave(context, name)
  })
/** The same on the engine's device, and alone on the machine. */
export const timedOnEngine = timed
export const timedAlone = timed
