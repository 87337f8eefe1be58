import { expect, test } from 'vitest'
import { readmeExample } from './readme-example.ts'

const fence = (info: string, body: string) => `\`\`\`${info}\n${body}\n\`\`\`\n`

test('takes the first marked example and the output after it, and strips types', () => {
  const markdown = [
    fence('sh', 'npm i'),
    fence('jsonl rows.jsonl', '{}\n{}'),
    fence('ts example', 'const n: number = 1'),
    fence('text output', '1\n2'),
  ].join('\nwords\n')
  expect(readmeExample(markdown)).toEqual({
    code: 'const n = 1;\n',
    output: '1\n2',
    files: new Map([['rows.jsonl', '{}\n{}\n']]),
  })
})

test('says what is missing', () => {
  expect(() => readmeExample(fence('js', 'run()'))).toThrow(
    'README.md: no block is fenced as "```js example" or "```ts example"',
  )
  expect(() => readmeExample(fence('js example', 'run()') + fence('sh', 'ls'))).toThrow(
    'README.md:2: the block after the example is not "```text output"',
  )
})
