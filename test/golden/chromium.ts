import { join } from 'node:path'
import { openBrowser, openPage, webGpuFlags } from '../device/browser.ts'
import type { GoldenCheck, GoldenOptions } from './golden-checks.ts'

const script = `
  import { compareInPage } from './test/golden/parity-page.ts'
  globalThis.compareInPage = compareInPage`

/**
 * Runs the checks in a page of Chromium, which fetches the files of `root` from here. Resolves to the browser's
 * version.
 */
export async function compareInChromium(
  root: string,
  paths: readonly string[],
  options: GoldenOptions,
  tell: (line: GoldenCheck) => void,
): Promise<string> {
  const browser = await openBrowser(webGpuFlags)
  try {
    const page = await openPage(browser, script, {})
    const base = `${new URL(page.url()).origin}/golden/`
    await page.route(`${base}**`, (route) => {
      const path = decodeURI(route.request().url().slice(base.length))
      return paths.includes(path) ? route.fulfill({ path: join(root, path) }) : route.fulfill({ status: 404 })
    })
    await page.exposeFunction('tell', tell)
    await page.evaluate(`compareInPage(${JSON.stringify(paths)}, ${JSON.stringify(options)}, tell)`)
    return browser.version()
  } finally {
    await browser.close()
  }
}
