import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { openBrowser } from '../../../device/browser.ts'
import { isOpened } from '../drive-page.ts'
import { buildPage } from '../serve-page.ts'
import { PlainHost } from './plain-host.ts'

it('has a manifest that Chromium reads without complaint, with icons as large as it says', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'medaware-installable-'))
  await buildPage(folder)
  const [browser, host] = await Promise.all([openBrowser(), PlainHost.start(folder)])
  try {
    const page = await browser.newPage()
    await page.goto(host.url)
    await isOpened(page)
    const devtools = await page.context().newCDPSession(page)
    const { errors, manifest, url } = await devtools.send('Page.getAppManifest')
    expect(errors).toEqual([])
    expect(url).toBe(`${host.url}manifest.webmanifest`)
    expect(manifest).toMatchObject({
      name: await page.title(),
      ...{ display: 'kStandalone', startUrl: host.url, scope: host.url, id: host.url },
    })
    expect((await devtools.send('Page.getInstallabilityErrors')).installabilityErrors).toEqual([])
    const icons = manifest.icons ?? []
    expect(icons.map(({ sizes }) => sizes)).toEqual(['0x0', '192x192', '512x512', '512x512'])
    for (const { url, sizes, type } of icons.slice(1)) {
      const size = await page.evaluate(async (address) => {
        const { width, height } = await createImageBitmap(await (await fetch(address)).blob())
        return `${width}x${height}`
      }, url)
      expect([size, type]).toEqual([sizes, 'image/png'])
    }
    const colours = await page
      .locator('meta[name=theme-color]')
      .evaluateAll((tags) => tags.map((tag) => [tag.getAttribute('media'), tag.getAttribute('content')]))
    for (const scheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme: scheme })
      const drawn = await page.evaluate<string>(`getComputedStyle(document.documentElement).getPropertyValue('--page')`)
      expect(colours).toContainEqual([`(prefers-color-scheme: ${scheme})`, drawn])
    }
  } finally {
    await Promise.all([browser.close(), host.close()])
    await rm(folder, { recursive: true })
  }
})
