/** Text on one line in which nothing is markup that could end its place: HTML, links, code, cells of a table. */
export function plainText(text: string): string {
  const line = text.replace(/[\s\p{Cc}]+/gu, ' ').trim()
  return line.replace(/[\\`*_[\]<>|&~]/g, (mark, at) => {
    // Within a word an underscore is none, and names have many.
    return mark === '_' && /\w_\w/.test(line.slice(Number(at) - 1, Number(at) + 2)) ? mark : `\\${mark}`
  })
}

/** The same at the beginning of a line, where a few more marks would make a heading, a list or a rule. */
export function plainLine(text: string): string {
  return plainText(text).replace(/^(\d*)([-#+=.)])/, '$1\\$2')
}

/** A link that shows its address; what is no address of the web stays text. */
export function linkTo(address: string): string {
  const isWeb = /^https?:\/\/[^\s<>\p{Cc}]+$/u.test(address) && URL.canParse(address)
  return isWeb ? `<${address}>` : plainText(address)
}

/** A table of texts that are escaped already. */
export function tableOf(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [line(head).replace(/ {2,}/g, ' '), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

/** A YAML scalar: plain where YAML reads it back as the same string, quoted otherwise. */
export function yamlString(text: string): string {
  if (/^[A-Za-z/][\w./-]*(:[\w./-]+)*$/.test(text) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(text)) return text
  // What JSON lets stand and YAML does not.
  return JSON.stringify(text).replace(/[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g, (unit) => {
    return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

/** A list under a name; nothing where it is empty. */
export function yamlList(name: string, items: readonly string[]): readonly string[] {
  return items.length === 0 ? [] : [`${name}:`, ...items.map((item) => `- ${yamlString(item)}`)]
}
