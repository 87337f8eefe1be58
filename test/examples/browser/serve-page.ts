import { fileURLToPath } from 'node:url'
import { build, createServer, type InlineConfig, preview } from 'vite'

const root = fileURLToPath(new URL('../../../examples/browser', import.meta.url))
const common = { root, configFile: `${root}/vite.config.ts`, logLevel: 'warn' } as const

/** A page that is served on this machine. */
export interface ServedPage {
  readonly url: string
  close(): Promise<void>
}

/** As `npm run browser` serves it. */
export async function servePage(): Promise<ServedPage> {
  const server = await createServer({ ...common, server: { port: 0, hmr: false } })
  await server.listen()
  return { url: server.resolvedUrls?.local[0] ?? '', close: () => server.close() }
}

/** Builds the page into `folder`. @param changes To how it is built. */
export async function buildPage(folder: string, changes: InlineConfig['build'] = {}): Promise<void> {
  await build({ ...common, build: { ...changes, outDir: folder } })
}

/** Built into `folder`, and served from there as any web server would. */
export async function serveBuiltPage(folder: string): Promise<ServedPage> {
  await buildPage(folder)
  const server = await preview({ ...common, build: { outDir: folder }, preview: { port: 0 } })
  return { url: server.resolvedUrls?.local[0] ?? '', close: () => server.close() }
}
