import { cp, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { createServer, type ViteDevServer } from 'vite'
import { openBrowser } from '../device/browser.ts'
import { root } from '../programs/run-program.ts'
import { fencesOf } from './fences.ts'
import { pageAt } from './pages.ts'

const name = 'docs/start/in-a-page.md'
const left: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const undo of left.splice(0).reverse()) await undo()
})

/** The page's own program in a folder of its own, with the small base in the place of the Hub's. */
async function writeProgram(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'peft-medaware-page-'))
  left.push(() => rm(folder, { recursive: true }))
  const bodies = (language: string) => {
    const fences = fencesOf(pageAt(name).text).filter((fence) => fence.language === language)
    return fences.map(({ body }) => body)
  }
  const [html = ''] = bodies('html')
  const [config = '', ...programs] = bodies('js')
  const program = programs.join('\n')
  expect(program.match(/'HuggingFaceTB\/[^']+'/g)?.length).toBe(1)
  await writeFile(join(folder, 'vite.config.js'), config)
  await writeFile(join(folder, 'index.html'), html)
  await writeFile(join(folder, 'main.js'), program.replace(/'HuggingFaceTB\/[^']+'/, "'/base'"))
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
  await cp(join(root, 'examples/medquad/base'), join(folder, 'public/base'), { recursive: true })
  return folder
}

/** Serves it by its own vite.config.js, over this source tree. */
async function serve(folder: string): Promise<ViteDevServer> {
  const path = (file: string) => join(root, 'src', file)
  const server = await createServer({
    ...{ root: folder, configFile: join(folder, 'vite.config.js'), logLevel: 'error' },
    server: { port: 0, fs: { allow: [root, folder] } },
    resolve: {
      alias: [
        { find: '#platform', replacement: path('platform/browser.ts') },
        { find: '#thread', replacement: path('platform/browser-thread.ts') },
        { find: /^peft-medaware\/(.*)$/, replacement: path('$1/index.ts') },
      ],
    },
  })
  left.push(() => server.close())
  return server.listen()
}

it(`${name}: its page trains, and answers with what it learned`, async () => {
  const server = await serve(await writeProgram())
  const browser = await openBrowser()
  left.push(() => browser.close())
  const page = await browser.newPage()
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(error.message))
  await page.goto(server.resolvedUrls?.local[0] ?? '')
  const log = page.locator('#log')
  await log.getByText('README.md: ').waitFor({ timeout: 100_000 })
  const lines = (await log.innerText()).split('\n')
  expect(faults).toEqual([])
  expect(await page.evaluate(() => crossOriginIsolated)).toBe(true)
  expect(lines[0]).toMatch(/^on CPU engine .* threads\)$/)
  expect(lines.filter((line) => line.startsWith('step ')).length).toBe(40)
  expect(lines.join('\n')).toContain('after:  Crystals of uric acid in a joint, which make it hot and very painful.')
  expect(lines.join('\n')).toMatch(/adapter_config\.json: \d+ bytes\nadapter_model\.safetensors: \d+ bytes/)
})
