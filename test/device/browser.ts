import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import chromiumPack from '@sparticuz/chromium'
import { build } from 'esbuild'
import { type Browser, chromium, type Page } from 'playwright-core'
import { unpackChromium } from './unpack-chromium.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** Flags for WebGPU on SwiftShader, which comes with Chromium. */
export const webGpuFlags = ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader']

/**
 * Chromium from `@sparticuz/chromium`, with the system libraries it brings along, as it starts for a user: no flags for
 * the web unless they are given.
 */
export async function openBrowser(flags: readonly string[] = ['--disable-gpu']): Promise<Browser> {
  // NSS and what else Chromium needs of a system.
  const own = join(unpackChromium('al2023.tar.br', 'chromium-libraries'), 'lib')
  const libraries = [own, process.env['LD_LIBRARY_PATH']].filter((path) => path !== undefined)
  return chromium.launch({
    executablePath: await chromiumPack.executablePath(),
    args: ['--no-sandbox', ...flags],
    env: { ...process.env, LD_LIBRARY_PATH: libraries.join(delimiter) },
  })
}

/** Opens a page that runs `script`, which may import the library's source by paths from the repository's root. */
export async function openPage(
  browser: Browser,
  script: string,
  headers: Readonly<Record<string, string>>,
): Promise<Page> {
  const { outputFiles } = await build({
    stdin: { contents: script, resolveDir: root, loader: 'ts' },
    bundle: true,
    minify: true,
    format: 'esm',
    write: false,
    alias: { '#platform': join(root, 'src/platform/browser.ts') },
  })
  const page = await browser.newPage()
  await page.route('**/*', (route) =>
    route.request().url().endsWith('/page.js')
      ? route.fulfill({ contentType: 'text/javascript', body: outputFiles[0]?.text ?? '', headers })
      : route.fulfill({ contentType: 'text/html', body: '<script type="module" src="page.js"></script>', headers }),
  )
  await page.goto('https://page.test/', { waitUntil: 'load' })
  return page
}
