/** A real browser for pages, where this machine has one. */
import { existsSync } from 'node:fs'
import { type BrowserContext, chromium } from 'playwright-core'

const places = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']

/** Chromium or Chrome; `$CHROME` names another one. */
export const browserPath = [process.env['CHROME'] ?? '', ...places].find((path) => path !== '' && existsSync(path))

/** Headless, with a profile in an empty folder. Nothing leaves the machine. */
export const openBrowser = (profile: string): Promise<BrowserContext> =>
  chromium.launchPersistentContext(profile, {
    executablePath: browserPath,
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
