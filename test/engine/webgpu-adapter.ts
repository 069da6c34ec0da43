/** A graphics adapter for tests: the machine's own, or one in software, as Chromium and Mesa bring it. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Folders that hold SwiftShader's Vulkan driver where Chromium or Chrome is installed. */
const browserFolders = [
  '/usr/lib/chromium',
  '/usr/lib/chromium-browser',
  '/usr/lib64/chromium-browser',
  '/opt/google/chrome',
  '/snap/chromium/current/usr/lib/chromium-browser',
]
const driverFolders = ['/usr/share/vulkan/icd.d', '/etc/vulkan/icd.d']

const swiftShader = (): readonly string[] =>
  browserFolders.map((folder) => join(folder, 'vk_swiftshader_icd.json')).filter((file) => existsSync(file))

/** Mesa's driver in software. */
const lavapipe = (): readonly string[] =>
  driverFolders
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((file) => join(folder, file)))
    .filter((file) => /\/lvp_icd[^/]*\.json$/.test(file))

/** Drivers are of no use without the library that loads them. */
const isLoaderThere = (): boolean => {
  for (const ldconfig of ['ldconfig', '/sbin/ldconfig']) {
    try {
      return execFileSync(ldconfig, ['-p'], { encoding: 'utf8' }).includes('libvulkan.so.1')
    } catch {
      continue
    }
  }
  return false
}

export interface WebgpuAdapter {
  /** What a process needs in its environment to find it. */
  readonly env: Readonly<Record<string, string>>
  readonly name: string
}

/** Undefined where Vulkan's loader is missing, or there is none in software and the environment names no driver. */
export const softwareAdapter = (): WebgpuAdapter | undefined => {
  const named = process.env['VK_DRIVER_FILES'] ?? process.env['VK_ICD_FILENAMES']
  const [file] = named === undefined ? [...swiftShader(), ...lavapipe()] : [named]
  if (file === undefined || file === '' || !isLoaderThere()) return undefined
  // Drivers in software look for a place for their sockets, and print a complaint where there is none.
  const folder = process.env['XDG_RUNTIME_DIR'] ?? mkdtempSync(join(tmpdir(), 'genepool-xdg-'))
  return { env: { VK_ICD_FILENAMES: file, XDG_RUNTIME_DIR: folder }, name: file }
}
