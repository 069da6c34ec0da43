#!/usr/bin/env node
/** The program in one file and its parts, as `build/bundle.js` leaves it: a hundred files fewer to load. */
import { existsSync } from 'node:fs'
import * as module from 'node:module'
import { join } from 'node:path'
import { cacheFolder } from '../engine/cache-folder.js'

// Newer Nodes keep what they have compiled.
const { enableCompileCache } = module as { readonly enableCompileCache?: (folder: string) => unknown }
enableCompileCache?.(join(cacheFolder(), 'code'))

const bundled = new URL('../program/main.js', import.meta.url)
// Compiled and not bundled, it is the same program.
const main = existsSync(bundled) ? bundled : new URL('./main.js', import.meta.url)
await import(main.href)
