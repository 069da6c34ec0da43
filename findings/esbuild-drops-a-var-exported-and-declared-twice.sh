#!/usr/bin/env bash
# esbuild 0.28.2: an exported `var` that a module declares twice, each time with a value that has no effects, is valid
# JavaScript, and Node gives the last value. Bundled with tree shaking by another module that uses it, both declarations
# are gone and the use is left without one: the bundle throws a ReferenceError. Declared once, or with a value that has
# an effect, it stays. The same comes of a merged `export enum` that was turned into JavaScript first; the TypeScript
# itself is bundled rightly. So who proves by esbuild's shaker that a declaration does not count has to take such an
# export apart before.
# Seen with esbuild 0.28.2 on Node 20.20, Linux x64, 2026-11-29:
#   node: 2
#   bundled: ReferenceError: rate is not defined
#   bundled, declared once: 2
#   bundled, merged enum in TypeScript: 3
#   bundled, merged enum as JavaScript: ReferenceError
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
echo '{ "private": true, "type": "module" }' >package.json
npm install --silent --no-audit --no-fund esbuild@0.28.2

said() { node "$1" 2>&1 | grep -m 1 -oE '^[0-9]+$|ReferenceError.*' || true; }
bundled() { npx esbuild "$1" --bundle --format=esm --tree-shaking=true --log-level=error >"$1.bundle.js" && said "$1.bundle.js"; }

printf 'export var rate = 1\nvar rate = 2\n' >twice.js
printf 'export var rate = 2\n' >once.js
for name in twice once; do
  printf "import { rate } from './%s.js'\nconsole.log(rate)\n" "$name" >"use-$name.js"
done
printf 'export enum Kind { A = 1 }\nexport enum Kind { B = 2 }\n' >merged.ts
npx esbuild merged.ts --log-level=error >merged-before.js
printf "import { Kind } from './merged.ts'\nconsole.log(Kind.A + Kind.B)\n" >use-enum.js
printf "import { Kind } from './merged-before.js'\nconsole.log(Kind.A + Kind.B)\n" >use-enum-before.js

{
  echo "node: $(said use-twice.js)"
  echo "bundled: $(bundled use-twice.js)"
  echo "bundled, declared once: $(bundled use-once.js)"
  echo "bundled, merged enum in TypeScript: $(bundled use-enum.js)"
  echo "bundled, merged enum as JavaScript: $(bundled use-enum-before.js | cut -d: -f1)"
} | tee seen
diff seen - <<'EXPECTED'
node: 2
bundled: ReferenceError: rate is not defined
bundled, declared once: 2
bundled, merged enum in TypeScript: 3
bundled, merged enum as JavaScript: ReferenceError
EXPECTED
