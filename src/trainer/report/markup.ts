/** A piece of HTML: what `markup` made, whose texts are escaped. */
export class Html {
  constructor(readonly source: string) {}
}

type Content = string | number | Html | readonly Html[]

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** A template of HTML or SVG: what stands in it is text, and escaped, unless it is HTML itself. */
export function markup(pieces: TemplateStringsArray, ...contents: readonly Content[]): Html {
  return new Html(pieces.reduce((source, piece, i) => source + sourceOf(contents[i - 1] ?? '') + piece))
}

function sourceOf(content: Content): string {
  if (content instanceof Html) return content.source
  if (typeof content === 'object') return content.map(({ source }) => source).join('\n')
  return String(content).replaceAll(/[&<>"']/g, (character) => entities[character] ?? '')
}
