/** Markdown without its fences and code, in which brackets are no links. */
const prose = (text: string) => text.replace(/^(`{3,}|~{3,}).*\n[^]*?^\1\s*$/gm, '').replace(/`[^`\n]*`/g, '')

/** Where a page's links and pictures lead, those in HTML as well. */
export function linksOf(text: string): string[] {
  const found = prose(text).matchAll(/\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)|\s(?:src|srcset|href)="([^"]+)"/g)
  return [...found].map(([, markdown, html]) => markdown ?? html ?? '')
}

/** The anchors of a page's headings, as GitHub and the site make them. */
export function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>()
  for (const [, own = ''] of text.replace(/^(`{3,}|~{3,}).*\n[^]*?^\1\s*$/gm, '').matchAll(/^#{1,6} (.+)$/gm)) {
    const plain = own.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[`*_]/g, '')
    const slug = plain
      .trim()
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s-]/gu, '')
      .replace(/\s/g, '-')
    let name = slug
    for (let i = 1; anchors.has(name); i++) name = `${slug}-${i}`
    anchors.add(name)
  }
  return anchors
}
