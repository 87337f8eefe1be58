import { format, resolveConfig } from 'prettier'
import type { Page } from '../pages.ts'

/** What makes a part of a page, by the part's name. */
export type Makers = Readonly<Record<string, () => string>>

/**
 * A page with its parts made anew, as Prettier lays it out. A part stands between `<!-- made: NAME -->` and `<!-- /made -->`.
 * @throws Error for a part that nobody makes.
 */
export function remade({ name, text }: Page, makers: Makers): Promise<string> {
  const made = text.replaceAll(/(<!-- made: ([\w-]+) -->)[^]*?(<!-- \/made -->)/g, (_, begin, part: string, end) => {
    const make = makers[part]
    if (make === undefined) throw new Error(`${name}: nobody makes the part ${part}`)
    return `${begin}\n\n${make()}\n\n${end}`
  })
  return inPrettier(made, name)
}

async function inPrettier(text: string, name: string): Promise<string> {
  return format(text, { ...(await resolveConfig(name)), parser: 'markdown', filepath: name })
}

/** A table of Markdown. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map(cellOf).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

/** Braces outside of code are attributes to VitePress, and a bar ends a cell. */
function cellOf(text: string): string {
  const parts = text.split(/(`[^`]*`)/)
  const inCode = parts.map((part, i) => (i % 2 === 1 ? part : part.replaceAll(/\{[^{}]*\}/g, '`$&`')))
  return inCode.join('').replaceAll('|', '\\|')
}
