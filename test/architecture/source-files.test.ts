import { expect, test } from 'vitest'
import { cyclesOf, parseSource } from './source-files.ts'

test('reads every way to import, and which of them load a file', () => {
  const text = [
    `import type { A } from './a.ts'`,
    `import { type B } from './b.ts'`,
    `import './c.ts'`,
    `export * from './d.ts'`,
    `export type { E } from './e.ts'`,
    `type F = import('./f.ts').F`,
    `const g = () => import('./g.ts')`,
    `// import './h.ts' GPUDevice`,
  ].join('\n')
  const { imports, identifiers } = parseSource('src/x/x.ts', text)
  expect(imports.map(({ specifier, typeOnly, lazy }) => `${specifier} ${typeOnly} ${lazy}`)).toEqual([
    './a.ts true false',
    './b.ts false false',
    './c.ts false false',
    './d.ts false false',
    './e.ts true false',
    './f.ts true false',
    './g.ts false true',
  ])
  expect(identifiers.has('GPUDevice')).toBe(false)
})

test('finds circles of imports, of types as well, and lets later imports close one', () => {
  const files = [
    parseSource('src/a.ts', `import './b.ts'`),
    parseSource('src/b.ts', `import './c.ts'`),
    parseSource('src/c.ts', `import './a.ts'`),
    parseSource('src/d.ts', `import './e.ts'\nimport './a.ts'`),
    parseSource('src/e.ts', `void import('./d.ts')`),
    parseSource('src/f.ts', `import './f.ts'`),
    parseSource('src/g.ts', `import type { H } from './h.ts'`),
    parseSource('src/h.ts', `export const h = () => null as import('./g.ts').G`),
  ]
  expect(cyclesOf(files)).toEqual([['src/a.ts', 'src/b.ts', 'src/c.ts'], ['src/f.ts'], ['src/g.ts', 'src/h.ts']])
})
