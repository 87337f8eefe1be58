import { readFileSync } from 'node:fs'
import type { DefaultTheme } from 'vitepress'

type Item = DefaultTheme.SidebarItem

/** The folder of TypeDoc's pages, as links have it. */
const folder = '/reference/api/'

/**
 * The bars beside TypeDoc's pages, by their folder. Each page of the site carries its whole bar, so one has the names of
 * one kind in one room (its functions, say), and leads to the other kinds and rooms.
 */
export function referenceSidebars(file: string): Record<string, Item[]> {
  const rooms = JSON.parse(readFileSync(file, 'utf8')) as Item[]
  const home: Item = { text: 'All of the site', link: '/start/in-node' }
  const leads: Item = { text: 'Rooms', items: rooms.map((room) => ({ ...room, text: nameOf(room), items: [] })) }
  const bars = new Map<string, Item[]>([[folder, [home, leads]]])
  for (const room of rooms) {
    const kinds = (room.items ?? []).map(sorted).map((kind) => ({ ...kind, link: firstOf(kind) }))
    const barWith = (open: Item | null): Item[] => {
      const items = kinds.map((kind) => (kind.text === open?.text ? { ...kind, collapsed: false } : closed(kind)))
      return [home, { text: nameOf(room), items }, leads]
    }
    bars.set(`${folder}${room.text ?? ''}/`, barWith(null))
    for (const kind of kinds) bars.set(kind.link.slice(0, kind.link.lastIndexOf('/') + 1), barWith(kind))
  }
  return Object.fromEntries(bars)
}

const sorted = (kind: Item): Item => ({
  ...kind,
  items: (kind.items ?? []).toSorted(({ text: a = '' }, { text: b = '' }) => a.localeCompare(b, 'en')),
})

const firstOf = ({ items: [first] = [] }: Item): string => first?.link ?? folder

/** A kind without its names: a link to the first of them. */
const closed = ({ text = '', link = '' }: Item): Item => ({ text, link })

/** As an import names it. */
const nameOf = ({ text = '' }: Item) => (text === 'index' ? 'peft-medaware' : `peft-medaware/${text}`)

/** What search reads of a page of TypeDoc's: its name and what it is for. Names of parameters would drown the guides. */
export function searchable(source: string): string {
  const [title = ''] = /^# .*$/m.exec(source) ?? []
  const [text = ''] = source.slice(source.indexOf(title) + title.length).match(/^(?![>#\s]).+(?:\n(?!\n).+)*/m) ?? []
  return `${title}\n\n${text}`
}
