/** `tsx test/examples/browser/icons.ts`: draws the page's icons in Chromium, from examples/browser/public/icons/icon.svg. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openBrowser } from '../../device/browser.ts'
import { root } from '../../programs/run-program.ts'

const folder = join(root, 'examples/browser/public/icons')
const drawing = await readFile(join(folder, 'icon.svg'), 'utf8')
/** Systems cut a maskable icon to a shape of theirs: it fills its square, corners too. */
const maskable = drawing.replace(/ rx="\d+"/, '')
if (maskable === drawing) throw new Error('icon.svg has no rounded corners to take away')

const browser = await openBrowser()
for (const [name, svg, size] of [
  ['icon-192.png', drawing, 192],
  ['icon-512.png', drawing, 512],
  ['icon-maskable-512.png', maskable, 512],
] as const) {
  const page = await browser.newPage({ viewport: { width: size, height: size } })
  await page.setContent(`<style>body { margin: 0 } svg { display: block }</style>${svg}`)
  await page.screenshot({ path: join(folder, name), omitBackground: true })
  await page.close()
}
await browser.close()
