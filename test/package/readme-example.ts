import { transformSync } from 'esbuild'
import { runnableSamples } from '../docs/fences.ts'

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
  const [example] = runnableSamples('README.md', markdown, 'example')
  if (example === undefined) throw new Error('README.md: no block is fenced as "```js example" or "```ts example"')
  const { output, files } = example
  return { code: transformSync(example.code, { loader: 'ts', format: 'esm' }).code, output, files }
}
