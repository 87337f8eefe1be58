import { format } from 'prettier'

/**
 * A page of Markdown with other text between two marks, as Prettier sets it; what is around them stays as it is.
 * @param name The marks are `<!-- name -->`, with more words or none, and `<!-- /name -->`.
 * @throws Error where the page lacks the marks.
 */
export async function withBlock(page: string, name: string, text: string): Promise<string> {
  const marks = new RegExp(`(<!-- ${name}\\b[^>]*-->)[^]*?(<!-- /${name} -->)`)
  const [, begin, end] = marks.exec(page) ?? []
  if (begin === undefined || end === undefined) throw new Error(`the page needs <!-- ${name} --> and <!-- /${name} -->`)
  const set = await format(text, { parser: 'markdown', printWidth: 120, proseWrap: 'always' })
  return page.replace(marks, () => `${begin}\n\n${set.trimEnd()}\n\n${end}`)
}
