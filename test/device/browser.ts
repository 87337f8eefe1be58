import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import chromiumPack from '@sparticuz/chromium'
import { build, type BuildOptions } from 'esbuild'
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

/**
 * Opens a page that runs `script`, which may import the library's source by paths from the repository's root, workers
 * included.
 */
export async function openPage(
  browser: Browser,
  script: string,
  headers: Readonly<Record<string, string>>,
): Promise<Page> {
  const text = await bundled({ stdin: { contents: script, resolveDir: root, loader: 'ts' } })
  const page = await browser.newPage()
  await page.route('**/*', async (route) => {
    const { pathname } = new URL(route.request().url())
    const body = pathname === workerScript ? await bundled({ entryPoints: [join(root, 'src/worker/thread.ts')] }) : text
    if (pathname.endsWith('.js')) await route.fulfill({ contentType: 'text/javascript', body, headers })
    else
      await route.fulfill({ contentType: 'text/html', body: '<script type="module" src="/page.js"></script>', headers })
  })
  await page.goto('https://page.test/', { waitUntil: 'load' })
  return page
}

/** Where `startWorker` looks for it from `/page.js`. */
const workerScript = '/worker/thread.js'

async function bundled(entry: Pick<BuildOptions, 'stdin' | 'entryPoints'>): Promise<string> {
  const { outputFiles } = await build({
    ...entry,
    ...({ bundle: true, minify: true, format: 'esm', write: false } as const),
    alias: {
      '#platform': join(root, 'src/platform/browser.ts'),
      '#thread': join(root, 'src/platform/browser-thread.ts'),
    },
  })
  return outputFiles[0]?.text ?? ''
}
