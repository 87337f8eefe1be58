import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { launch } from 'puppeteer-core'
import type { OtherBrowser } from './other-browser.ts'

/** The system's Firefox. @throws Error where there is none, with how one is installed. */
export function findFirefox(): string {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  const paths = [
    process.env['FIREFOX'],
    ...folders.flatMap((at) => ['firefox-esr', 'firefox'].map((name) => join(at, name))),
  ]
  const found = paths.find((path) => path !== undefined && spawnSync(path, ['--version']).status === 0)
  if (found === undefined) {
    throw new Error('there is no Firefox: sh .ci/install-firefox.sh installs one, FIREFOX=<path> names another')
  }
  return found
}

/** Opens Firefox by WebDriver BiDi. @param preferences As about:config has them. */
export async function openFirefox(preferences: Readonly<Record<string, unknown>> = {}): Promise<OtherBrowser> {
  const downloads = await mkdtemp(join(tmpdir(), 'medaware-firefox-'))
  const browser = await launch({
    browser: 'firefox',
    executablePath: findFirefox(),
    acceptInsecureCerts: true,
    extraPrefsFirefox: {
      ...{ 'browser.download.folderList': 2, 'browser.download.dir': downloads },
      ...{ 'browser.download.always_ask_before_handling_new_types': false, ...preferences },
    },
  })
  const page = await browser.newPage()
  page.setDefaultNavigationTimeout(60_000)
  return {
    name: await browser.version(),
    downloads,
    goto: async (url) => {
      await page.goto(url)
    },
    evaluate: (expression) => page.evaluate(expression),
    click: (selector) => page.click(selector),
    close: async () => {
      await browser.close()
      await rm(downloads, { recursive: true })
    },
  }
}
