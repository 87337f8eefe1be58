import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import { openBrowser } from '../../device/browser.ts'
import { root } from '../../programs/run-program.ts'
import { serveBuiltPage, type ServedPage } from './serve-page.ts'

/** The page of one person, whose browser forgets all after each test. */
export interface OpenPage {
  readonly url: string
  readonly context: BrowserContext
  readonly page: Page
  /** Another tab of the same person. */
  newTab(): Promise<Page>
}

/**
 * Builds the page and opens a browser for the tests of a file. @param name Of the folder it is built into.
 * @returns What there is in the test of now, which fails for errors in any of its tabs.
 */
export function usePage(name: string): OpenPage {
  const built = join(root, 'out', name)
  let browser: Browser
  let served: ServedPage
  let context: BrowserContext
  let page: Page
  let wrong: string[] = []
  const newTab = async (): Promise<Page> => {
    const tab = await context.newPage()
    tab.setDefaultTimeout(60_000)
    tab.on('pageerror', ({ message }) => wrong.push(message))
    tab.on('console', (message) => {
      if (message.type() === 'error') wrong.push(message.text())
    })
    return tab
  }
  beforeAll(async () => {
    ;[browser, served] = await Promise.all([openBrowser(['--disable-gpu']), serveBuiltPage(built)])
  })
  afterAll(async () => {
    await browser.close()
    await served.close()
    await rm(built, { recursive: true })
  })
  beforeEach(async () => {
    wrong = []
    context = await browser.newContext()
    page = await newTab()
  })
  afterEach(async () => {
    await context.close()
    expect(wrong).toEqual([])
  })
  return {
    get url() {
      return served.url
    },
    get context() {
      return context
    },
    get page() {
      return page
    },
    newTab,
  }
}
