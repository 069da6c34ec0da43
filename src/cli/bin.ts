#!/usr/bin/env node
import { runPart } from './program-script.js'

await runPart('main')
