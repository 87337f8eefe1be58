import path from 'node:path'
import type { MarkdownRenderer } from 'vitepress'

/** What a page is rendered with. */
interface Environment {
  /** Of the page, from the folder of the site. */
  readonly relativePath: string
}

/**
 * A relative link that leaves the site's folder, or leads to what is no page, leads to that file in the repository: so
 * one link is right on the site and where the Markdown is read beside the code.
 */
export function leaving(md: MarkdownRenderer, { repository, folder }: { repository: string; folder: string }): void {
  md.core.ruler.push('leaving', ({ tokens, env }) => {
    const { relativePath } = env as Environment
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      const href = token.type === 'link_open' ? token.attrGet('href') : null
      if (href === null || /^([a-z]+:|[#/])/.test(href)) continue
      const full = path.posix.join(folder, path.posix.dirname(relativePath), href)
      const isPage = full.startsWith(`${folder}/`) && /\.md(#|$)/.test(full)
      if (!isPage) token.attrSet('href', `${repository}/blob/main/${full}`)
    }
  })
}
