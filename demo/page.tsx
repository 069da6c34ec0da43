/** The page: an image, a model of the size that is wanted, its answer. */
import { render } from 'preact'
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks'
import type { PoolFile, PoolModel } from '../src/stages/export/pool-file.js'
import type { Answer, Backend, Ready, Timing } from './messages.js'
import { type Bytes, coloursOf, cropOf, normalised, pictureOf } from './pictures.js'
import { Runner } from './runner.js'

const SHOWN_SAMPLES = 12
const CHECKED = 100
const MOST_CLASSES = 5

const count = (value: number): string =>
  new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 }).format(value)
const bytes = (value: number): string =>
  value < 1e6 ? `${(value / 1e3).toFixed(0)} kB` : `${(value / 1e6).toFixed(1)} MB`
const milliseconds = (value: number): string => `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`
const share = (value: number): string => `${(100 * value).toFixed(1)} %`

const names: Readonly<Record<Backend, string>> = { wasm: 'WebAssembly', webgpu: 'WebGPU' }

const softmax = (logits: Float32Array): readonly number[] => {
  const most = Math.max(...logits)
  const parts = Array.from(logits, (logit) => Math.exp(logit - most))
  const sum = parts.reduce((a, b) => a + b, 0)
  return parts.map((part) => part / sum)
}

const argmax = (logits: Float32Array): number => logits.indexOf(Math.max(...logits))

/** Bytes `[size, size, channels]` on a canvas of that size. */
const show = (canvas: HTMLCanvasElement, bytes: Uint8Array, channels: number): void => {
  const context = canvas.getContext('2d')!
  const image = context.createImageData(canvas.width, canvas.height)
  for (let at = 0; at < canvas.width * canvas.height; at++) {
    for (let colour = 0; colour < 3; colour++) {
      image.data[4 * at + colour] = bytes[at * channels + Math.min(colour, channels - 1)]
    }
    image.data[4 * at + 3] = 255
  }
  context.putImageData(image, 0, 0)
}

interface ImageProps {
  readonly bytes: Uint8Array
  readonly size: number
  readonly channels: number
  /** Empty where what is around it says it. */
  readonly label: string
}

const Image = ({ bytes, size, channels, label }: ImageProps) => {
  const canvas = useRef<HTMLCanvasElement>(null)
  useEffect(() => show(canvas.current!, bytes, channels), [bytes])
  const what = label === '' ? { 'aria-hidden': true } : { role: 'img' as const, 'aria-label': label }
  return <canvas ref={canvas} width={size} height={size} {...what} />
}

/** Ink is white on black, as in the images that the models were trained on. */
const DrawingPad = ({ onDrawn }: { readonly onDrawn: (picture: Bytes) => void }) => {
  const canvas = useRef<HTMLCanvasElement>(null)
  const last = useRef<{ x: number; y: number } | undefined>(undefined)
  const side = 280
  const clear = (): void => canvas.current!.getContext('2d')!.fillRect(0, 0, side, side)
  useEffect(clear, [])
  const placeOf = (event: PointerEvent): { x: number; y: number } => {
    const { left, top, width, height } = canvas.current!.getBoundingClientRect()
    return { x: ((event.clientX - left) * side) / width, y: ((event.clientY - top) * side) / height }
  }
  const line = (event: PointerEvent): void => {
    if (last.current === undefined) return
    const context = canvas.current!.getContext('2d')!
    const to = placeOf(event)
    context.strokeStyle = 'white'
    context.lineWidth = side / 14
    context.lineCap = 'round'
    context.beginPath()
    context.moveTo(last.current.x, last.current.y)
    context.lineTo(to.x, to.y)
    context.stroke()
    last.current = to
  }
  const end = (): void => {
    if (last.current === undefined) return
    last.current = undefined
    onDrawn(coloursOf(canvas.current!, side, side))
  }
  return (
    <div class="pad">
      <p>Draw here:</p>
      <canvas
        ref={canvas}
        width={side}
        height={side}
        role="img"
        aria-label="Drawing pad: draw with a mouse, a pen or a finger; without one, choose a test image below"
        onPointerDown={(event) => {
          canvas.current!.setPointerCapture(event.pointerId)
          last.current = placeOf(event)
          line(event)
        }}
        onPointerMove={line}
        onPointerUp={end}
        onPointerCancel={end}
      />
      <button type="button" onClick={clear}>
        Clear
      </button>
    </div>
  )
}

/** Asks for the camera only when it is started, and lets it go when it is stopped. */
const Camera = ({ onPicture }: { readonly onPicture: (picture: Bytes) => void }) => {
  const video = useRef<HTMLVideoElement>(null)
  const [stream, setStream] = useState<MediaStream>()
  const [problem, setProblem] = useState<string>()
  useEffect(() => {
    if (stream === undefined) return
    video.current!.srcObject = stream
    return () => stream.getTracks().forEach((track) => track.stop())
  }, [stream])
  const start = async (): Promise<void> => {
    try {
      setStream(await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } }))
      setProblem(undefined)
    } catch {
      setProblem('The browser gives no camera.')
    }
  }
  const take = (): void => {
    const { videoWidth, videoHeight } = video.current!
    if (videoWidth > 0) onPicture(coloursOf(video.current!, videoWidth, videoHeight))
  }
  if (stream === undefined) {
    return (
      <>
        <button type="button" onClick={() => void start()}>
          Use the camera
        </button>
        {problem !== undefined && <p role="alert">{problem}</p>}
      </>
    )
  }
  return (
    <div class="camera">
      <video ref={video} autoplay playsInline muted aria-label="What the camera sees" />
      <button type="button" onClick={take}>
        Take this picture
      </button>
      <button type="button" onClick={() => setStream(undefined)}>
        Stop the camera
      </button>
    </div>
  )
}

interface Loaded {
  readonly pool: PoolFile
  readonly samples: Uint8Array
  readonly ready: Ready
}

/** Of the models that answer in so many milliseconds here the one with the best accuracy; else the fastest. */
const underBudget = (models: readonly PoolModel[], times: ReadonlyMap<number, Timing>, budget: number): PoolModel => {
  const msOf = ({ id }: PoolModel): number => Math.min(...Object.values(times.get(id)!.ms))
  const fitting = models.filter((model) => msOf(model) <= budget)
  if (fitting.length === 0) return models.reduce((a, b) => (msOf(b) < msOf(a) ? b : a))
  return fitting.reduce((a, b) => (b.top1 > a.top1 ? b : a))
}

const Demo = ({ runner, pool, samples, ready }: Loaded & { readonly runner: Runner }) => {
  const { models, preprocessing, classNames } = pool
  const { size, channels } = preprocessing
  const imageBytes = size * size * channels
  const sample = useCallback((at: number) => samples.subarray(at * imageBytes, (at + 1) * imageBytes), [samples])
  const [place, setPlace] = useState(0)
  const [image, setImage] = useState(() => sample(0))
  const [from, setFrom] = useState('test image 1')
  const [answer, setAnswer] = useState<Answer>()
  const [times, setTimes] = useState<ReadonlyMap<number, Timing>>(new Map())
  const [budget, setBudget] = useState<number>()
  const [checked, setChecked] = useState<{ readonly model: number; readonly right: number }>()
  const [problem, setProblem] = useState<string>()
  const [busy, setBusy] = useState<string>()
  const model = models[place]
  const timing = times.get(model.id)
  const told = (cause: unknown): void => setProblem(cause instanceof Error ? cause.message : String(cause))

  const measure = async (each: PoolModel): Promise<Timing> => {
    const found = await runner.measure(each.id)
    setTimes((known) => new Map(known).set(each.id, found))
    return found
  }
  useEffect(() => {
    let isOld = false
    const classify = async (): Promise<void> => {
      const result = await runner.classify(model.id, normalised(image, preprocessing))
      if (isOld) return
      setAnswer(result)
      setProblem(undefined)
      if (!times.has(model.id)) await measure(model)
    }
    classify().catch(told)
    return () => {
      isOld = true
    }
  }, [model, image])

  const give = (bytes: Uint8Array, what: string): void => {
    setImage(bytes)
    setFrom(what)
  }
  const choose = async (ms: number): Promise<void> => {
    setBudget(ms)
    const known = new Map(times)
    for (const [at, each] of models.entries()) {
      if (known.has(each.id)) continue
      setBusy(`measuring model ${at + 1} of ${models.length} …`)
      known.set(each.id, await measure(each))
    }
    setPlace(models.indexOf(underBudget(models, known, ms)))
  }
  const check = async (): Promise<void> => {
    const images = Math.min(CHECKED, pool.samples.labels.length)
    setBusy(`classifying ${images} test images …`)
    const pixels = normalised(samples.subarray(0, images * imageBytes), preprocessing)
    const { logits } = await runner.classify(model.id, pixels)
    const classes = classNames.length
    const answers = Array.from({ length: images }, (_, at) => argmax(logits.subarray(at * classes, (at + 1) * classes)))
    setChecked({ model: model.id, right: answers.filter((each, at) => each === pool.samples.labels[at]).length })
    document.documentElement.dataset['answers'] = answers.join(' ')
  }
  const shares = useMemo(
    () => (answer === undefined ? [] : softmax(answer.logits.subarray(0, classNames.length))),
    [answer],
  )
  const best = [...shares.keys()].sort((a, b) => shares[b] - shares[a]).slice(0, MOST_CLASSES)
  const weights = model.parts.reduce((sum, name) => sum + pool.parts[name].bytes, 0)

  return (
    <main>
      <header>
        <h1>{pool.title}: one pool, models of every size</h1>
        <p>
          {models.length === 1 ? 'One model' : `${models.length} models that share their blocks`}, run here in your
          browser: no picture leaves this machine.
        </p>
      </header>

      <section aria-labelledby="picture">
        <h2 id="picture">Picture</h2>
        {channels === 1 && <DrawingPad onDrawn={(picture) => give(cropOf(picture, preprocessing), 'your drawing')} />}
        <div class="row">
          <label class="file">
            A picture of your own
            <input
              type="file"
              accept="image/*"
              onChange={(event) => {
                const file = event.currentTarget.files?.[0]
                if (file === undefined) return
                pictureOf(file).then(
                  (picture) => give(cropOf(picture, preprocessing), file.name),
                  () => setProblem(`${file.name} is no picture that this browser can read`),
                )
              }}
            />
          </label>
          <Camera onPicture={(picture) => give(cropOf(picture, preprocessing), 'a picture of the camera')} />
        </div>
        <ul class="samples" aria-label="Test images">
          {pool.samples.labels.slice(0, SHOWN_SAMPLES).map((label, at) => (
            <li key={at}>
              <button
                type="button"
                aria-label={`Test image ${at + 1}: ${classNames[label]}`}
                onClick={() => give(sample(at), `test image ${at + 1}`)}
              >
                <Image bytes={sample(at)} size={size} channels={channels} label="" />
              </button>
            </li>
          ))}
        </ul>
      </section>

      <section aria-labelledby="answer">
        <h2 id="answer">Answer</h2>
        <div class="answer">
          <Image bytes={image} size={size} channels={channels} label={`What the model sees: ${from}`} />
          <table aria-live="polite" aria-label="Most likely classes">
            <tbody>
              {best.map((at) => (
                <tr key={at}>
                  <th scope="row">{classNames[at]}</th>
                  <td>
                    <meter min={0} max={1} value={shares[at]} aria-label={classNames[at]} />
                  </td>
                  <td class="number">{share(shares[at])}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
        {problem !== undefined && <p role="alert">{problem}</p>}
        <p class="small">
          {answer !== undefined && `Answered in ${milliseconds(answer.ms)}. `}
          {timing !== undefined && ready.backends.length > 1 && `${names[timing.backend]} is the faster here; `}
          {`WebAssembly runs on ${ready.threads === 1 ? 'one thread' : `${ready.threads} threads`}`}
          {!crossOriginIsolated && ' (more need a page that is isolated from others)'}
          {answer !== undefined && `; ${bytes(answer.fetched)} of weights were fetched so far.`}
        </p>
      </section>

      <section aria-labelledby="model">
        <h2 id="model">Model</h2>
        <label for="size">Size: from the smallest to the largest</label>
        <input
          id="size"
          type="range"
          min={0}
          max={models.length - 1}
          value={place}
          aria-valuetext={`${model.name}, ${count(model.params)} parameters`}
          onInput={(event) => {
            setBudget(undefined)
            setPlace(Number(event.currentTarget.value))
          }}
        />
        <dl>
          <dt>Name</dt>
          <dd>{model.name}</dd>
          <dt>Parameters</dt>
          <dd>
            {count(model.params)} ({bytes(weights)} of weights)
          </dd>
          <dt>MACs an image</dt>
          <dd>{count(model.macs)}</dd>
          <dt>Accuracy</dt>
          <dd>{share(model.top1)} of all test images</dd>
          <dt>Time here</dt>
          <dd>
            {timing === undefined
              ? 'being measured …'
              : Object.entries(timing.ms)
                  .map(([backend, ms]) => `${milliseconds(ms)} with ${names[backend as Backend]}`)
                  .join(', ')}
          </dd>
        </dl>
        <form
          onSubmit={(event) => {
            event.preventDefault()
            const ms = Number(new FormData(event.currentTarget).get('budget'))
            choose(ms)
              .catch(told)
              .finally(() => setBusy(undefined))
          }}
        >
          <label>
            Best model within
            <input name="budget" type="number" min="0.1" step="any" required inputMode="decimal" />
            milliseconds an image
          </label>
          <button type="submit">Choose</button>
          {budget !== undefined && busy === undefined && (
            <p role="status">
              {Math.min(...Object.values(timing?.ms ?? { none: Infinity })) <= budget
                ? `${model.name} is the most accurate model within ${milliseconds(budget)} on this machine.`
                : `No model answers within ${milliseconds(budget)} here; ${model.name} is the fastest.`}
            </p>
          )}
        </form>
        <button
          type="button"
          onClick={() =>
            void check()
              .catch(told)
              .finally(() => setBusy(undefined))
          }
        >
          Classify {Math.min(CHECKED, pool.samples.labels.length)} test images
        </button>
        <p role="status">
          {busy ??
            (checked?.model === model.id
              ? `${checked.right} of ${Math.min(CHECKED, pool.samples.labels.length)} are right.`
              : '')}
        </p>
      </section>
    </main>
  )
}

const app = document.getElementById('app')!

/** How long the service worker may take, in milliseconds; without it there is a page, but none without a network. */
const patience = 3_000

/**
 * Until the service worker answers for what the page fetches, so that it keeps all of it. Where the server does not
 * isolate the page, the worker does: from the second time on that it is loaded.
 */
const controlled = async (): Promise<void> => {
  const { serviceWorker } = navigator
  if (!serviceWorker) return
  const version = document.documentElement.dataset['version'] ?? ''
  await serviceWorker.register(`service-worker.js?version=${version}`)
  if (serviceWorker.controller === null) {
    await new Promise<void>((resolve) => {
      serviceWorker.addEventListener('controllerchange', () => resolve(), { once: true })
      setTimeout(resolve, patience)
    })
  }
  if (crossOriginIsolated || sessionStorage.getItem('isolated') !== null) return
  sessionStorage.setItem('isolated', 'tried')
  location.reload()
  await new Promise(() => {})
}

const start = async (): Promise<void> => {
  await controlled().catch(() => {})
  const runner = new Runner()
  const [pool, samples, ready] = await Promise.all([
    fetch('pool.json').then((response) => response.json() as Promise<PoolFile>),
    fetch('samples.bin').then(async (response) => new Uint8Array(await response.arrayBuffer())),
    runner.open(),
  ])
  document.title = `${pool.title}: models of every size`
  render(<Demo runner={runner} pool={pool} samples={samples} ready={ready} />, app)
}

render(
  <main>
    <p role="status">Loading …</p>
  </main>,
  app,
)
start().catch((cause: unknown) =>
  render(
    <main>
      <p role="alert">The demo does not start: {cause instanceof Error ? cause.message : String(cause)}</p>
    </main>,
    app,
  ),
)
