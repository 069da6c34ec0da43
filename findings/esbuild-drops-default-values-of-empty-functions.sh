#!/usr/bin/env bash
# esbuild 0.28.2: with `--minify-syntax`, a call of a function that does nothing gives way to its arguments. Such a
# function is a `function` declaration with plain identifiers as parameters whose body is empty, or is so once dead code
# has gone. What the parameters' default values do (count, register, throw) is not looked at and is lost with the call.
# With a function that returns its parameter they are looked at, and anything but such a declaration is left alone. Tree
# shaking has no part in it: bundled without minifying, every form acts.
# Nothing says that this is meant: the change that brought it (https://github.com/evanw/esbuild/pull/1898) speaks of the
# body alone, the parser calls its condition `hasSideEffectFreeArguments`, and the makers of other minifiers take the
# same for a bug (https://github.com/oxc-project/oxc/pull/24791, https://github.com/swc-project/swc/issues/12222,
# https://github.com/terser/terser/issues/880). Bundled and minified, the declaration goes with its last call, so who
# compares two versions of a program by such output does not see that the default value changed.
# Seen with esbuild 0.28.2 on Node 20.20, Linux x64, 2026-11-29: the table at the end of this file. It counts how often
# the default value acts, which by the language is once in each form.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "private": true, "type": "module" }' >package.json
npm install --silent --no-audit --no-fund esbuild@0.28.2

cat >run.js <<'PROGRAM'
import { build } from 'esbuild'
const forms = {
  function: 'function h(a = act()) {}\nh()',
  'function, second parameter': 'function h(a, b = act()) {}\nh(1)',
  'function, argument undefined': 'function h(a = act()) {}\nh(undefined)',
  'function, result used': 'function h(a = act()) {}\nglobalThis.result = h()',
  'function, body of dead code': 'function h(a = act()) { if (false) act() }\nh()',
  'function, default throws': 'function h(a = (() => { throw act() })()) {}\ntry { h() } catch {}',
  'function, optional call': 'function h(a = act()) {}\nh?.()',
  'function within a function': 'const g = () => {\nfunction h(a = act()) {}\nh()\n}\ng()',
  'export function': 'export function h(a = act()) {}\nh()',
  'function, parameter returned': 'function h(a = act()) { return a }\nh()',
  'function, object pattern': 'function h({ a = act() }) {}\nh({})',
  'function, rest parameter': 'function h(a = act(), ...rest) {}\nh()',
  'new function': 'function h(a = act()) {}\nnew h()',
  'async function': 'async function h(a = act()) {}\nh()',
  'generator function': 'function* h(a = act()) {}\nh()',
  'export default function': 'export default function h(a = act()) {}\nh()',
  'const = function': 'const h = function (a = act()) {}\nh()',
  'const = arrow': 'const h = (a = act()) => {}\nh()',
}
let acts = 0
globalThis.act = () => void acts++
let runs = 0
const row = (name, cells) => console.log(name.padEnd(28) + cells.map((cell) => String(cell).padStart(10)).join(''))
const actsOf = async (code) => {
  acts = 0
  // A module is run once for each address, so no two runs may have the same one.
  await import(`data:text/javascript,${encodeURIComponent(`${code}\n//${runs++}`)}`)
  return acts
}
const output = async (contents, options) => {
  const { outputFiles } = await build({ stdin: { contents }, format: 'esm', write: false, ...options })
  return outputFiles[0].text
}
row('', ['source', 'bundled', 'minified', 'both'])
for (const [name, source] of Object.entries(forms)) {
  const codes = [
    source,
    await output(source, { bundle: true, treeShaking: true }),
    await output(source, { minifySyntax: true }),
    await output(source, { bundle: true, treeShaking: true, minifySyntax: true }),
  ]
  const counts = []
  for (const code of codes) counts.push(await actsOf(code))
  row(name, counts)
}
PROGRAM

node run.js | tee seen
diff seen - <<'EXPECTED'
                                source   bundled  minified      both
function                             1         1         0         0
function, second parameter           1         1         0         0
function, argument undefined         1         1         0         0
function, result used                1         1         0         0
function, body of dead code          1         1         0         0
function, default throws             1         1         0         0
function, optional call              1         1         0         0
function within a function           1         1         0         0
export function                      1         1         0         0
function, parameter returned         1         1         1         1
function, object pattern             1         1         1         1
function, rest parameter             1         1         1         1
new function                         1         1         1         1
async function                       1         1         1         1
generator function                   1         1         1         1
export default function              1         1         1         1
const = function                     1         1         1         1
const = arrow                        1         1         1         1
EXPECTED
