import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { sections } from '../../docs/.vitepress/pages.ts'
import { root } from '../programs/run-program.ts'
import { anchorsOf, linksOf } from './markdown-links.ts'
import { pageAt, writtenPages } from './pages.ts'

const others = readdirSync(root).filter((name) => name.endsWith('.md') && name !== 'README.md')
const pages = [...others.map(pageAt), ...writtenPages()]

/** What is wrong with a link of a page; null where it leads somewhere, or out of the repository. */
function wrong(page: string, link: string): string | null {
  if (/^[a-z]+:/.test(link)) return null
  const [name = '', anchor] = link.split('#')
  // From the top of the site; the others are relative, so that they lead somewhere beside the code too.
  const isOfSite = name.startsWith('/')
  const target = name === '' ? page : path.posix.join(isOfSite ? 'docs' : path.posix.dirname(page), name)
  // TypeDoc's pages are there once the site is built, and it reads their links then.
  if (target.startsWith('docs/reference/api/')) return null
  const file = isOfSite && !target.endsWith('.md') ? `${target}.md` : target
  if (!existsSync(path.join(root, file))) return `${page}: ${link} is not there`
  if (anchor === undefined || !file.endsWith('.md')) return null
  return anchorsOf(pageAt(file).text).has(anchor) ? null : `${page}: ${file} has no heading #${anchor}`
}

it('every link within the repository leads to a file, and to a heading of it where it names one', () => {
  const links = pages.flatMap(({ name, text }) => linksOf(text).map((link) => wrong(name, link)))
  expect(links.length).toBeGreaterThan(100)
  expect(links.filter((link) => link !== null)).toEqual([])
})

it('every page of the site stands once in the bar beside it, which names no other', () => {
  const named = sections.flatMap(({ items = [] }) => items.map(({ link = '' }) => link))
  const written = writtenPages().flatMap(({ name }) => /^docs(\/.+)\.md$/.exec(name)?.[1] ?? [])
  const isMade = (link: string) => link === '/index' || link.endsWith('/')
  expect(named.filter((link) => !isMade(link)).sort()).toEqual(written.filter((link) => !isMade(link)).sort())
})
