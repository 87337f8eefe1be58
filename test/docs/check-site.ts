/**
 * Reads the site as it was built, and fails where a link leads to no page, to no place in one, or where a page would
 * load anything from another server: the last step of `npm run docs`.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import process from 'node:process'

const site = path.resolve(import.meta.dirname, '../../out/docs')
const base = process.env['DOCS_BASE'] ?? '/'
const names = readdirSync(site, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.html'))
const pages = new Map(names.map((name) => [name, readFileSync(path.join(site, name), 'utf8')]))
const places = new Map(
  [...pages].map(([name, html]) => [name, new Set([...html.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id))]),
)

/** The file that an address within the site names. */
function fileOf(page: string, link: string): string {
  const from = link.startsWith('/') ? link.slice(base.length) : path.posix.join(path.posix.dirname(page), link)
  if (from === '' || from.endsWith('/')) return `${from}index.html`
  return existsSync(path.join(site, from)) || path.extname(from) !== '' ? from : `${from}.html`
}

function wrong(page: string, attribute: string, value: string, tag: string): string | null {
  const link = decodeURI(value.replaceAll('&amp;', '&'))
  const isLoaded = attribute === 'src' || (tag === 'link' && attribute === 'href')
  if (/^(https?:)?\/\//.test(link)) return isLoaded ? `${page} loads ${link} from elsewhere` : null
  if (/^(mailto|data):/.test(link)) return null
  if (link.startsWith('/') && !link.startsWith(base)) return `${page}: ${link} is outside of ${base}`
  const [address = '', place = ''] = link.split('#')
  const file = address === '' ? page : fileOf(page, address)
  if (!existsSync(path.join(site, file))) return `${page}: ${link} is a dead link`
  if (place === '' || !file.endsWith('.html')) return null
  return places.get(file)?.has(place) ? null : `${page}: there is no #${place} in ${file}`
}

let links = 0
const faults = new Set<string>()
for (const [page, html] of pages) {
  for (const [, tag = '', attributes = ''] of html.matchAll(/<(a|link|img|script|source|iframe|video)\s([^>]*)>/g)) {
    for (const [, attribute = '', value = ''] of attributes.matchAll(/\b(href|src)="([^"]*)"/g)) {
      links++
      const fault = wrong(page, attribute, value, tag)
      if (fault !== null) faults.add(fault)
    }
  }
}
for (const fault of [...faults].slice(0, 50)) process.stderr.write(`${fault}\n`)
process.stdout.write(`${pages.size} pages, ${links} links, ${faults.size} wrong\n`)
process.exitCode = faults.size === 0 && pages.size > 100 ? 0 : 1
