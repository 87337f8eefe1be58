/** A block of a page between two lines of three backticks. */
export interface Fence {
  /** The first word behind the backticks, such as 'ts'; '' where there is none. */
  readonly language: string
  /** The words behind it, such as 'run', or a file's name. */
  readonly words: readonly string[]
  /** What stands in brackets: the tab of a group of fences. `null` where there is none. */
  readonly label: string | null
  readonly body: string
  /** The number of its first line within the page, from 1. */
  readonly line: number
}

/** The fences of a page, in order. */
export function fencesOf(markdown: string): readonly Fence[] {
  return [...markdown.matchAll(/^```(.*)\n([^]*?)^```$/gm)].map(({ 1: info = '', 2: body = '', index }) => {
    const [, label = null] = /\[(.*)\]/.exec(info) ?? []
    const [language = '', ...words] = info
      .replace(/\[.*\]/, '')
      .trim()
      .split(/\s+/)
    return { language, words, label, body, line: markdown.slice(0, index).split('\n').length + 1 }
  })
}

/** A program of a page, and what the page says that it prints. */
export interface RunnableSample {
  readonly code: string
  readonly output: string
  /** Files that it reads, by name: the fences before it that name one. */
  readonly files: ReadonlyMap<string, string>
  readonly line: number
}

/**
 * The fences in JavaScript or TypeScript that have a word such as 'run', each with the next fence, "```text output".
 * @throws Error where that is not the next.
 */
export function runnableSamples(name: string, markdown: string, word: string): readonly RunnableSample[] {
  const fences = fencesOf(markdown)
  return fences.flatMap((fence, at) => {
    if (!isCode(fence) || !fence.words.includes(word)) return []
    const next = fences[at + 1]
    if (next?.language !== 'text' || !next.words.includes('output')) {
      throw new Error(`${name}:${fence.line}: the block after the example is not "\`\`\`text output"`)
    }
    const files = fences.slice(0, at).flatMap(({ words: [file], body, ...other }) => {
      return file?.includes('.') === true && !isCode(other) ? [[file, body] as const] : []
    })
    return [{ code: fence.body, output: next.body.trimEnd(), files: new Map(files), line: fence.line }]
  })
}

/** Whether a fence has code of this library's: one with another library's label has not. */
export function isCode({ language, label = null }: Pick<Fence, 'language'> & Partial<Fence>): boolean {
  return /^[jt]s$/.test(language) && label?.includes('peft-medaware') !== false
}
