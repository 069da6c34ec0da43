/** The package that has the addon's C++ and its JavaScript: the installed one, else npm's. */
import { existsSync } from 'node:fs'
import * as fs from 'node:fs/promises'
import { join } from 'node:path'
import { installedFolder } from '../locate.js'
import { fetchPackage } from './npm-package.js'

export interface AddonPackage {
  readonly name: string
  readonly folder: string
}

const name = '@tensorflow/tfjs-node'

/** Its version is that of the TensorFlow.js which it is used with. */
export const addonPackage = async (version: string, work: string, signal: AbortSignal): Promise<AddonPackage> => {
  const installed = installedFolder(name)
  if (installed?.version === version && existsSync(join(installed.folder, 'binding', 'tfjs_binding.cc'))) {
    return { name, folder: installed.folder }
  }
  return { name, folder: await fetchPackage(name, version, work, signal) }
}

/** Copies what is loaded of the package: its JavaScript and what names it. */
export const copyPackage = async (from: string, to: string): Promise<void> => {
  await fs.mkdir(join(to, 'dist'), { recursive: true })
  for (const file of ['package.json', 'LICENSE']) {
    if (existsSync(join(from, file))) await fs.copyFile(join(from, file), join(to, file))
  }
  for (const file of ['nodejs_kernel_backend.js', 'register_all_kernels.js', 'int64_tensors.js', 'kernels']) {
    await fs.cp(join(from, 'dist', file), join(to, 'dist', file), {
      recursive: true,
      filter: (path) => !/(?:\.d\.ts|_test\.js)$/.test(path),
    })
  }
}
