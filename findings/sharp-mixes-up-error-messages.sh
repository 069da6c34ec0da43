#!/usr/bin/env bash
# sharp 0.35.5 (libvips 8.18.7): files that fail to decode at the same time get each other's error messages. libvips
# keeps the words of errors in one buffer for the whole process, and an operation of sharp that fails takes what stands
# there and clears it: another's words beside or instead of its own, or nothing, for which sharp puts "Warning treated
# as error due to failOn setting". An AVIF cut in half, for instance, is rejected with "vipspng: libpng read error".
# Only the words are touched: every broken file is rejected, and the whole ones decoded beside them have the right
# pixels. With one thread in libuv's pool (UV_THREADPOOL_SIZE=1) each message is the file's own.
# Asked of sharp in 2017 (https://github.com/lovell/sharp/issues/902); libvips thinks about messages tied to their call
# (https://github.com/libvips/libvips/issues/5010, open). Until then a message tells what is wrong with a file only if
# nothing else failed meanwhile: to be sure of it, decode that file once more by itself.
# Seen with sharp 0.35.5 on Node 20.20, Linux x64, 2026-11-29 (2 cores of an AMD EPYC, shared; the counts, which go to
# standard error, are of 1000 failures in one run and differ from run to run; on one core they are much the same):
#   threads 1: 1000 its own message, 0 with another's words, 0 without its own words, 0 repeated or cut
#   threads 1, files wrongly decoded or rejected: 0
#   threads 1, another's words seen: no
#   threads 4: 547 its own message, 44 with another's words, 338 without its own words, 71 repeated or cut
#   threads 4, one of the swapped: avif: vipspng: libpng read error
#   threads 4, files wrongly decoded or rejected: 0
#   threads 4, another's words seen: yes
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "private": true, "type": "module" }' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts sharp@0.35.5

cat >run.js <<'PROGRAM'
import sharp from 'sharp'
// The word by which each decoder's messages are known.
const words = { avif: 'heif:', png: 'vipspng:', jpeg: 'VipsJpeg:', webp: 'webp:', gif: 'gifload_buffer:' }
const rounds = 100
const copies = 2

const decode = (file) =>
  sharp(file)
    .raw()
    .toBuffer()
    .then(
      (pixels) => ({ pixels }),
      ({ message }) => ({ message }),
    )
const noise = { type: 'gaussian', mean: 128, sigma: 30 }
const drawn = sharp({ create: { width: 64, height: 64, channels: 3, background: 'black', noise } })
const { data, info } = await drawn.raw().toBuffer({ resolveWithObject: true })
const pictures = []
for (const format of Object.keys(words)) {
  const whole = await sharp(data, { raw: info }).toFormat(format).toBuffer()
  const broken = whole.subarray(0, whole.length / 2)
  const { pixels } = await decode(whole)
  const { message } = await decode(broken)
  if (!message.includes(words[format])) throw new Error(`${format} by itself says: ${message}`)
  pictures.push({ format, whole, broken, pixels, message })
}

const counts = { 'its own message': 0, "with another's words": 0, 'without its own words': 0, 'repeated or cut': 0 }
const kindOf = ({ format, message: own }, message) => {
  const said = Object.keys(words).filter((other) => message.includes(words[other]))
  if (message === own) return 'its own message'
  if (said.some((other) => other !== format)) return "with another's words"
  return said.length === 0 ? 'without its own words' : 'repeated or cut'
}
let swapped
let wrong = 0
for (let round = 0; round < rounds; round++) {
  const files = pictures.flatMap((picture) => Array.from({ length: copies }, () => picture))
  await Promise.all(
    files.flatMap((picture) => [
      decode(picture.whole).then(({ pixels }) => (wrong += pixels?.equals(picture.pixels) ? 0 : 1)),
      decode(picture.broken).then(({ message }) => {
        if (message === undefined) {
          wrong += 1
          return
        }
        counts[kindOf(picture, message)] += 1
        if (pictures.some((other) => other !== picture && other.message === message)) {
          swapped ??= `${picture.format}: ${message}`
        }
      }),
    ]),
  )
}
const threads = process.env.UV_THREADPOOL_SIZE
console.error(
  `threads ${threads}:`,
  Object.entries(counts)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(', '),
)
if (swapped !== undefined) console.error(`threads ${threads}, one of the swapped: ${swapped}`)
console.log(`threads ${threads}, files wrongly decoded or rejected: ${wrong}`)
console.log(`threads ${threads}, another's words seen: ${counts["with another's words"] > 0 ? 'yes' : 'no'}`)
PROGRAM

for threads in 1 4; do UV_THREADPOOL_SIZE="$threads" node run.js; done | tee seen
diff seen - <<'EXPECTED'
threads 1, files wrongly decoded or rejected: 0
threads 1, another's words seen: no
threads 4, files wrongly decoded or rejected: 0
threads 4, another's words seen: yes
EXPECTED
