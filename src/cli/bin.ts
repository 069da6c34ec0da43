#!/usr/bin/env node
import { runPart } from '../base/program-script.js'

await runPart('main', process.argv[2], () => import('./main.js'))
