import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { defineConfig, type Plugin } from 'vite'
import { librarySource } from './library-source.ts'
import { headers, policyOfPage } from './shell/policy.ts'
import { serviceWorker } from './shell/service-worker-plugin.ts'

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** What the library is made with; undici is for Node alone. */
const { dependencies } = JSON.parse(readFileSync(path('../../package.json'), 'utf8')) as { dependencies: object }
const found = Object.keys(dependencies).filter((name) => name !== 'undici')

const policyInPage: Plugin = {
  name: 'content-security-policy',
  transformIndexHtml: () => [
    {
      tag: 'meta',
      attrs: { 'http-equiv': 'content-security-policy', content: policyOfPage },
      injectTo: 'head-prepend',
    },
  ],
}

export default defineConfig({
  root: path('.'),
  base: './',
  plugins: [policyInPage, serviceWorker],
  resolve: { alias: librarySource },
  server: { headers, fs: { allow: [path('../..')] } },
  preview: { headers },
  worker: { format: 'es' },
  // Found late, in the worker or when they are needed, they would make the page load twice.
  optimizeDeps: { include: [...found, 'comlink', 'fast-xml-parser', 'fflate'] },
  build: { target: 'es2022', outDir: path('../../out/browser'), emptyOutDir: true, assetsInlineLimit: 0 },
})
