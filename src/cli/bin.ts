#!/usr/bin/env node
/** The program in one script, as `build/bundle.js` leaves it; compiled and not bundled, it is the same program. */
import { existsSync } from 'node:fs'
import { runProgram } from './program-script.js'

const bundled = new URL('../program.cjs', import.meta.url)

if (existsSync(bundled)) runProgram(bundled, (specifier) => import(specifier))
else await import('./main.js')
