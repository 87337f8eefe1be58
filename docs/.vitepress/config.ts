import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitepress'
import { librarySource } from '../../examples/browser/library-source.ts'
import { leaving } from './leaving.ts'
import { pictures } from './pictures.ts'
import { nav, sections } from './pages.ts'
import { referenceSidebars, searchable } from './reference.ts'
import { workerSource } from './worker-source.ts'

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))
const repository = 'https://github.com/peft-medaware/peft-medaware'

export default defineConfig({
  title: 'peft-medaware',
  description: 'QLoRA fine-tuning of language models wherever JavaScript runs',
  lang: 'en',
  // Where the site does not lie at the top of its server, its folder there.
  base: process.env.DOCS_BASE ?? '/',
  outDir: path('../../out/docs'),
  cacheDir: path('../../node_modules/.cache/vitepress'),
  cleanUrls: false,
  lastUpdated: false,
  // Each page would carry all bars of the site.
  metaChunk: true,
  head: [
    ['link', { rel: 'icon', href: `${process.env.DOCS_BASE ?? '/'}logo.svg`, type: 'image/svg+xml' }],
    ['meta', { name: 'color-scheme', content: 'light dark' }],
  ],
  markdown: {
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
    languageAlias: { jsonl: 'json', modelfile: 'docker' },
    config: (md) => {
      md.use(leaving, { repository, folder: 'docs' })
      md.use(pictures)
    },
  },
  themeConfig: {
    logo: '/logo.svg',
    nav,
    sidebar: { ...referenceSidebars(path('../reference/api/typedoc-sidebar.json')), '/': sections },
    outline: { level: [2, 3], label: 'On this page' },
    search: {
      provider: 'local',
      options: {
        _render: (source, env, md) =>
          md.render(env.relativePath.startsWith('reference/api/') ? searchable(source) : source, env),
      },
    },
    socialLinks: [{ icon: 'github', link: repository, ariaLabel: 'Source on GitHub' }],
    docFooter: { prev: 'Before', next: 'Next' },
    footer: {
      message: 'Apache-2.0. What a model writes here is a demonstration, and no medical advice.',
    },
    externalLinkIcon: true,
  },
  vite: {
    plugins: [workerSource],
    resolve: { alias: librarySource },
    worker: { format: 'es', plugins: () => [workerSource] },
    build: { target: 'es2022', assetsInlineLimit: 0, chunkSizeWarningLimit: 4000 },
    server: {
      headers: { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' },
      fs: { allow: [path('../..')] },
    },
  },
})
