import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect } from 'vitest'

/** A browser with one page, as far as the tests need it. */
export interface OtherBrowser {
  /** Its name and version. */
  readonly name: string
  /** Where it puts what a page hands out. */
  readonly downloads: string
  goto(url: string): Promise<void>
  /** The value of an expression in the page, which goes across as JSON. */
  evaluate(expression: string): Promise<unknown>
  /** Clicks an element as a person does. */
  click(selector: string): Promise<void>
  close(): Promise<void>
}

/** The text of an element. */
export async function textIn(browser: OtherBrowser, id: string): Promise<string> {
  return String(await browser.evaluate(textOf(id)))
}

/** Waits until an expression in the page holds; fails with the page's own error where it shows one. */
export async function holds(browser: OtherBrowser, expression: string, seconds = 100): Promise<void> {
  const error = `document.getElementById('error')`
  const state = async () => {
    const [isThere, wrong] = (await browser.evaluate(
      `[Boolean(${expression}), ${error}.hidden ? '' : ${error}.textContent]`,
    )) as [boolean, string]
    if (wrong !== '' && !isThere) throw new Error(`the page says: ${wrong}`)
    return isThere
  }
  const end = Date.now() + 1000 * seconds
  while (!(await state())) {
    if (Date.now() > end) throw new Error(`${expression} does not hold after ${seconds} s`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

/** Expressions that hold in the page, or give a text of it. */
export const textOf = (id: string) => `document.getElementById('${id}').textContent`
export const isEnabled = (id: string) => `!document.getElementById('${id}').disabled`
export const says = (id: string, pattern: RegExp) => `${String(pattern)}.test(${textOf(id)})`

/** Puts text into a field, as if it were pasted. */
export async function paste(browser: OtherBrowser, id: string, text: string): Promise<void> {
  await browser.evaluate(`(() => {
    const field = document.getElementById('${id}')
    field.value = ${JSON.stringify(text)}
    field.dispatchEvent(new Event('input', { bubbles: true }))
  })()`)
}

/** Chooses a value of a list. */
export async function choose(browser: OtherBrowser, id: string, value: string): Promise<void> {
  await browser.evaluate(`(() => {
    const list = document.getElementById('${id}')
    list.value = '${value}'
    list.dispatchEvent(new Event('change', { bubbles: true }))
  })()`)
}

/** The file of this name that a page has handed out, once it is whole. */
export async function downloaded(browser: OtherBrowser, name: string): Promise<Uint8Array> {
  await expect.poll(() => readdir(browser.downloads), { timeout: 30_000 }).toEqual([name])
  return readFile(join(browser.downloads, name))
}
