import { readFileSync } from 'node:fs'
import type { DefaultTheme } from 'vitepress'

type Item = DefaultTheme.SidebarItem

/** The folder of TypeDoc's pages, as links have it. */
const folder = '/reference/api/'

/**
 * The bars beside TypeDoc's pages, by the folder of a room. Each page of the site carries its whole bar, so one has the
 * names of its room alone, and leads to the other rooms.
 */
export function referenceSidebars(file: string): Record<string, Item[]> {
  const rooms = JSON.parse(readFileSync(file, 'utf8')) as Item[]
  const leads = rooms.map(({ text = '', link = '' }) => ({ text: roomName(text), link: `/${link}` }))
  const others: Item = { text: 'Rooms', items: leads }
  const bars = rooms.map(({ text = '', items = [] }) => [
    `${folder}${text}/`,
    [{ text: 'All of the site', link: '/start/in-node' }, others, { text: roomName(text), items: linked(items) }],
  ])
  return { ...(Object.fromEntries(bars) as Record<string, Item[]>), [folder]: [others] }
}

/** As an import names it. */
const roomName = (room: string) => (room === 'index' ? 'peft-medaware' : `peft-medaware/${room}`)

function linked(items: readonly Item[]): Item[] {
  return items.map(({ text = '', link, items: inner }) => ({
    text,
    ...(link !== undefined && { link: `/${link}` }),
    ...(inner !== undefined && { items: linked(inner), collapsed: true }),
  }))
}

/** What search reads of a page of TypeDoc's: its name and what it is for. Names of parameters would drown the guides. */
export function searchable(source: string): string {
  const [title = ''] = /^# .*$/m.exec(source) ?? []
  const [text = ''] = source.slice(source.indexOf(title) + title.length).match(/^(?![>#\s]).+(?:\n(?!\n).+)*/m) ?? []
  return `${title}\n\n${text}`
}
