/** `tsx test/examples/browser/picture.ts`: makes docs/browser.png, the top of the page after a run on its sample. */
import { fileURLToPath } from 'node:url'
import { openBrowser } from '../../device/browser.ts'
import { sampleSize } from '../medquad/sample-size.ts'
import { isTrained, visit } from './drive-page.ts'
import { servePage } from './serve-page.ts'

const picture = fileURLToPath(new URL('../../../docs/browser.png', import.meta.url))

const [browser, served] = [await openBrowser(), await servePage()]
const page = await browser.newPage({ viewport: { width: 1200, height: 1230 } })
await visit(page, served.url)
await page.getByText(`${sampleSize} questions with answers.`).waitFor()
await page.locator('#start').click()
await isTrained(page)
await page.evaluate('scrollTo(0, 0)')
await page.screenshot({ path: picture })
await browser.close()
await served.close()
