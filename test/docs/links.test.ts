import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { root } from '../programs/run-program.ts'
import { anchorsOf, linksOf } from './markdown-links.ts'

/** Pages that people read beside the code or on the site; TypeDoc's are made when the site is built. */
const pages = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md') && !name.includes('reference/api/'))
    .map((name) => path.join('docs', name)),
]
const read = (page: string) => readFileSync(path.join(root, page), 'utf8')

/** What is wrong with a link of a page; null where it leads somewhere, or out of the repository. */
function wrong(page: string, link: string): string | null {
  if (/^[a-z]+:/.test(link)) return null
  const [name = '', anchor] = link.split('#')
  // `docs/reference/api` is there once TypeDoc has run, and VitePress looks into it.
  if (name.includes('reference/api/') || /^\/(start|try|guides|recipes|explained|reference|coming-from)\//.test(name))
    return null
  const target = name === '' ? page : path.join(path.dirname(page), name)
  if (!existsSync(path.join(root, target))) return `${page}: ${link} is not there`
  if (anchor === undefined || !target.endsWith('.md')) return null
  return anchorsOf(read(target)).has(anchor) ? null : `${page}: ${target} has no heading #${anchor}`
}

it('every link within the repository leads to a file, and to a heading of it where it names one', () => {
  const links = pages.flatMap((page) => linksOf(read(page)).map((link) => wrong(page, link)))
  expect(links.length).toBeGreaterThan(100)
  expect(links.filter((link) => link !== null)).toEqual([])
})

it('every page of the site stands in the bar beside it, and the bar names no other', async () => {
  const { sections } = await import('../../docs/.vitepress/pages.ts')
  const named = sections.flatMap(({ items = [] }) => items.map(({ link = '' }) => link))
  const written = pages.filter((page) => page.startsWith('docs/') && page !== 'docs/index.md')
  const linkOf = (page: string) => page.replace(/^docs/, '').replace(/\.md$/, '')
  expect(named.filter((link) => !link.endsWith('/')).sort()).toEqual(written.map(linkOf).sort())
  expect(new Set(named).size).toBe(named.length)
  expect(statSync(path.join(root, 'docs/public')).isDirectory()).toBe(true)
})
