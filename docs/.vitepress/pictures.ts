import type { MarkdownRenderer } from 'vitepress'

/**
 * A `<picture>` with a source for dark screens, as readers of the Markdown see it, becomes two images of which the
 * site's own switch shows one.
 */
export function pictures(md: MarkdownRenderer): void {
  md.core.ruler.push('pictures', ({ tokens }) => {
    for (const token of tokens) {
      if (token.type !== 'html_block' || !token.content.startsWith('<picture>')) continue
      const attribute = (name: string) => new RegExp(`\\s${name}="([^"]*)"`).exec(token.content)?.[1]
      const [dark, light, alt] = [attribute('srcset'), attribute('src'), attribute('alt')]
      if (dark === undefined || light === undefined || alt === undefined) {
        throw new Error(`a picture needs srcset, src and alt: ${token.content}`)
      }
      const image = (theme: string, name: string) => `<img class="${theme}-only" alt="${alt}" src="${local(name)}">`
      token.content = `<p>${image('light', light)}${image('dark', dark)}</p>\n`
    }
  })
}

const local = (name: string) => (name.startsWith('.') ? name : `./${name}`)
