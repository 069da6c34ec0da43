/**
 * The structure of src/ in figures: `npm run structure`, or `node build/structure.js FOLDER…` for several checkouts
 * side by side (each with its node_modules and built, for the two rows of what runs). Ends with 1 where, in the first
 * of them, two folders import each other or an exported name stands twice; everything else is for people to read.
 */
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { fileURLToPath } from 'node:url'
import { ts } from 'ts-morph'

const checkouts =
  process.argv.length > 2 ? process.argv.slice(2).map((folder) => path.resolve(folder)) : [process.cwd()]

/** @param {string} root */
const sourceFiles = (root) =>
  fs
    .readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .map((file) => path.posix.join('src', file.split(path.sep).join('/')))
    .filter((file) => file.endsWith('.ts'))
    .sort()

/** @param {ts.SourceFile} source */
const exportedNames = (source) =>
  source.statements.flatMap((statement) => {
    if (ts.isExportDeclaration(statement)) {
      // What is handed on from elsewhere stands there.
      const isOwn = statement.moduleSpecifier === undefined && statement.exportClause !== undefined
      return isOwn && ts.isNamedExports(statement.exportClause)
        ? statement.exportClause.elements.map((e) => e.name.text)
        : []
    }
    const modifiers = ts.canHaveModifiers(statement) ? (ts.getModifiers(statement) ?? []) : []
    if (!modifiers.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) return []
    if (ts.isVariableStatement(statement))
      return statement.declarationList.declarations.map((d) => d.name.getText(source))
    return statement.name === undefined ? [] : [statement.name.text]
  })

/** @param {string} root */
const readSources = (root) => {
  const files = sourceFiles(root)
  const known = new Set(files)
  return files.map((file) => {
    const text = fs.readFileSync(path.join(root, file), 'utf8')
    const named = ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName)
    // Threads and processes of our own are named by their address.
    const started = [...text.matchAll(/new URL\('(\.[^']*)', import\.meta\.url\)/g)].map(([, name]) => name)
    const imports = [...named, ...started]
      .map((name) => path.posix.join(path.posix.dirname(file), name).replace(/\.js$/, '.ts'))
      .filter((to) => known.has(to))
    const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest)
    return {
      file,
      lines: text.split('\n').length - 1,
      imports: new Set(imports),
      names: new Set(exportedNames(source)),
    }
  })
}

/** @param {ReturnType<typeof readSources>} sources */
const foldersThatImportEachOther = (sources) => {
  const edges = new Set(
    sources.flatMap(({ file, imports }) =>
      [...imports].map((to) => `${path.posix.dirname(file)} ${path.posix.dirname(to)}`),
    ),
  )
  return [...edges].filter((edge) => {
    const [from, to] = edge.split(' ')
    return from < to && edges.has(`${to} ${from}`)
  })
}

/** @param {ReturnType<typeof readSources>} sources */
const namesThatStandTwice = (sources) => {
  const places = new Map()
  for (const { file, names } of sources) for (const name of names) places.set(name, [...(places.get(name) ?? []), file])
  return [...places].filter(([, files]) => files.length > 1).map(([name, files]) => `${name}: ${files.join(', ')}`)
}

/** Our files of which V8 counted a function that ran: by file, or by the parts that a bundle names. */
const filesRun = (scripts, root) => {
  const files = new Set()
  for (const { url, functions } of scripts) {
    if (!url.startsWith('file:') || !fileURLToPath(url).startsWith(path.join(root, 'dist') + path.sep)) continue
    const own = path.relative(root, fileURLToPath(url))
    const parts = own.endsWith('.cjs')
      ? [...fs.readFileSync(fileURLToPath(url), 'latin1').matchAll(/^ *\/\/ (\S+\.js)$/gm)].map((m) => [m.index, m[1]])
      : [[0, own]]
    for (const { functionName, ranges } of functions) {
      const [{ startOffset, count }] = ranges
      // What a module does when it is loaded is the file's own work, and a bundle's way to load it nobody's.
      if (count === 0 || startOffset === 0 || /\.js"?$/.test(functionName)) continue
      const part = parts.findLast(([at]) => at <= startOffset)?.[1]
      if (part?.startsWith('dist/')) files.add(part)
    }
  }
  return files
}

/** @param {string} root @param {readonly string[]} args @param {string} folder */
const runNode = (root, args, folder) => {
  const env = { ...process.env, NODE_V8_COVERAGE: folder }
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: root, env, encoding: 'utf8' })
  if (status !== 0) throw new Error(`node ${args.join(' ')}: ${stderr}`)
}

/** @param {string} root */
const filesOfFirstArtifact = (root) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'structure-'))
  try {
    const store = path.join(folder, 'store')
    const args = ['--only', 'data', '--engine', 'onnxruntime', '--store', store]
    runNode(root, ['dist/cli/bin.js', 'run', 'pipelines/quickstart.ts', ...args], folder)
    const reports = fs.readdirSync(folder).filter((name) => name.endsWith('.json'))
    const scripts = reports.flatMap((name) => JSON.parse(fs.readFileSync(path.join(folder, name), 'utf8')).result)
    return filesRun(scripts, root).size
  } finally {
    fs.rmSync(folder, { recursive: true, force: true })
  }
}

/** What the third of three steps runs in its own thread, once everything is compiled. */
const stepScript = (openEngine, trainingStep) => `
  import { Session } from 'node:inspector'
  import { writeFileSync } from 'node:fs'
  const { openEngine } = await import(${JSON.stringify(openEngine)})
  const { trainingStep } = await import(${JSON.stringify(trainingStep)})
  const session = new Session()
  session.connect()
  const ask = (method, params) => new Promise((done, fail) =>
    session.post('Profiler.' + method, params, (error, answer) => (error ? fail(error) : done(answer))))
  await ask('enable')
  await ask('startPreciseCoverage', { callCount: true, detailed: false })
  const engine = await openEngine({ engine: 'onnxruntime', device: 'cpu', threads: 2 })
  const config = { imageSize: 28, patchSize: 7, channels: 1, numClasses: 10, embedDim: 24, depth: 2, numHeads: 3, mlpRatio: 4, layerNormEps: 1e-6 }
  const step = await trainingStep(engine, { config, batch: 64 })
  await step()
  await step()
  await ask('takePreciseCoverage')
  await step()
  const { result } = await ask('takePreciseCoverage')
  writeFileSync(process.argv[2], JSON.stringify(result))
  process.exit(0)`

/** @param {string} root @param {ReturnType<typeof readSources>} sources */
const filesOfTrainingStep = (root, sources) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'structure-'))
  const placeOf = (name) => {
    const { file } = sources.find(({ names }) => names.has(name))
    return new URL(file.replace(/^src/, 'dist').replace(/\.ts$/, '.js'), `file://${root}/`).href
  }
  try {
    const report = path.join(folder, 'step.json')
    const script = stepScript(placeOf('openEngine'), placeOf('trainingStep'))
    const program = path.join(folder, 'step.mjs')
    fs.writeFileSync(program, script)
    const { status, stderr } = spawnSync(process.execPath, [program, report], { cwd: root, encoding: 'utf8' })
    if (status !== 0) throw new Error(`a training step: ${stderr}`)
    return filesRun(JSON.parse(fs.readFileSync(report, 'utf8')), root).size
  } finally {
    fs.rmSync(folder, { recursive: true, force: true })
  }
}

/** @param {string} root */
const measure = (root) => {
  const sources = readSources(root)
  const byLength = [...sources].sort((a, b) => a.lines - b.lines)
  const importers = new Map()
  for (const { file, imports } of sources)
    for (const to of imports) if (to !== file) importers.set(to, (importers.get(to) ?? 0) + 1)
  const { lines: longest, file: longestFile } = byLength.at(-1)
  const index = sources.find(({ file }) => file === 'src/index.ts')
  const publicNames = ts
    .createSourceFile('index.ts', fs.readFileSync(path.join(root, index.file), 'utf8'), ts.ScriptTarget.Latest)
    .statements.flatMap((s) =>
      ts.isExportDeclaration(s) && s.exportClause && ts.isNamedExports(s.exportClause)
        ? [...s.exportClause.elements]
        : [],
    )
  const pairs = foldersThatImportEachOther(sources)
  const twice = namesThatStandTwice(sources)
  const rows = {
    files: sources.length,
    lines: sources.reduce((sum, { lines }) => sum + lines, 0),
    'median lines': byLength[Math.floor(byLength.length / 2)].lines,
    'longest file': `${longest} (${path.posix.basename(longestFile)})`,
    'files under 40 lines': sources.filter(({ lines }) => lines < 40).length,
    'imported by one file': [...importers.values()].filter((number) => number === 1).length,
    'folders that import each other': pairs.length,
    'exported names that stand twice': twice.length,
    'exported names': sources.reduce((sum, { names }) => sum + names.size, 0),
    'public exports': publicNames.length,
    'files run until the quickstart has stored an artifact': filesOfFirstArtifact(root),
    'files run by a training step': filesOfTrainingStep(root, sources),
    'lines of README.md': fs.readFileSync(path.join(root, 'README.md'), 'utf8').split('\n').length - 1,
  }
  return {
    rows,
    faults: [...pairs.map((pair) => `import each other: ${pair}`), ...twice.map((name) => `stands twice: ${name}`)],
  }
}

const measured = checkouts.map(measure)
const width = Math.max(...Object.keys(measured[0].rows).map((name) => name.length))
for (const name of Object.keys(measured[0].rows)) {
  const values = measured.map(({ rows }) => String(rows[name]).padStart(24))
  process.stdout.write(`${name.padEnd(width)}${values.join('')}\n`)
}
for (const fault of measured[0].faults) process.stderr.write(`${fault}\n`)
process.exitCode = measured[0].faults.length === 0 ? 0 : 1
