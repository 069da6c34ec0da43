#!/usr/bin/env bash
# TensorFlow.js 4.22.0: activation recomputation, written as in other frameworks, does not work. A function made by
# `tf.customGrad` whose gradient function differentiates the forward pass again with `tf.grads` throws as soon as it
# stands within any gradient: the inner call replaces the engine's one tape and leaves none, so that what is recorded
# after it is asked of null. Gradients of gradients, which nest in the other order, work. The tape can be put back by
# hand: `tf.engine().state.activeTape`, kept before the inner call and set after it, gives the right values.
# Seen with @tensorflow/tfjs 4.22.0 on Node 20.20, Linux x64, backend cpu, 2026-11-29 (x ↦ x⁴ at 1 and 2: 4x³):
#   plain: 4,32
#   recomputed: Cannot read properties of null (reading 'forEach')
#   second derivative: 12,48
#   recomputed, tape put back: 4,32
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "private": true }' >package.json
npm install --silent --no-audit --no-fund --ignore-scripts @tensorflow/tfjs@4.22.0

cat >run.cjs <<'PROGRAM'
const tf = require('@tensorflow/tfjs')
const quiet = () => {}
console.warn = quiet
const fourth = (x) => x.square().square()
const recomputed = (around) =>
  tf.customGrad((x, save) => {
    save([x])
    return { value: fourth(x), gradFunc: (dy, [kept]) => around(() => tf.grads(fourth)([kept], dy)[0]) }
  })
const tapeBack = (compute) => {
  const { state } = tf.engine()
  const tape = state.activeTape
  const result = compute()
  state.activeTape = tape
  return result
}
const print = (name, compute) => {
  try {
    console.log(`${name}: ${[...compute().dataSync()]}`)
  } catch (error) {
    console.log(`${name}: ${error.message}`)
  }
}
const main = async () => {
  await tf.setBackend('cpu')
  const at = tf.tensor1d([1, 2])
  print('plain', () => tf.grad((x) => fourth(x).sum())(at))
  print('recomputed', () => tf.grad((x) => recomputed((compute) => compute())(x).sum())(at))
  print('second derivative', () => tf.grad((y) => tf.grad((x) => fourth(x).sum())(y).sum())(at))
  print('recomputed, tape put back', () => tf.grad((x) => recomputed(tapeBack)(x).sum())(at))
}
void main()
PROGRAM

node run.cjs 2>/dev/null | tee seen
diff seen - <<'EXPECTED'
plain: 4,32
recomputed: Cannot read properties of null (reading 'forEach')
second derivative: 12,48
recomputed, tape put back: 4,32
EXPECTED
