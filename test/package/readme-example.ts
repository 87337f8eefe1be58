import { transformSync } from 'esbuild'

/** A runnable example of README.md and what it says the example prints. */
export interface ReadmeExample {
  /** JavaScript, an ES module. */
  readonly code: string
  readonly output: string
  /** Files the example reads, by name: the blocks before it that are fenced as "```jsonl NAME". */
  readonly files: ReadonlyMap<string, string>
}

/**
 * The first block of `markdown` fenced as "```js example" or "```ts example", with the next block, fenced as
 * "```text output".
 * @throws Error when either is missing.
 */
export function readmeExample(markdown: string): ReadmeExample {
  const blocks = [...markdown.matchAll(/^```(.*)\n([^]*?)^```$/gm)].map(([, info = '', body = '']) => ({
    info: info.trim(),
    body,
  }))
  const at = blocks.findIndex(({ info }) => /^(js|ts) example$/.test(info))
  const code = blocks[at]
  const output = blocks[at + 1]
  if (!code) throw new Error('README.md: no block is fenced as "```js example" or "```ts example"')
  if (output?.info !== 'text output') throw new Error('README.md: the block after the example is not "```text output"')
  const files = new Map(
    blocks.slice(0, at).flatMap(({ info, body }) => {
      const [language, name] = info.split(' ')
      return language === 'jsonl' && name !== undefined ? [[name, body] as const] : []
    }),
  )
  return { code: transformSync(code.body, { loader: 'ts', format: 'esm' }).code, output: output.body.trimEnd(), files }
}
