import { readFileSync } from 'node:fs'
import path from 'node:path'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { pathsIn, root } from './source-files.ts'

/** Where a text sets types aside: `any`, `!` behind a value, and casts by way of `unknown`. */
function asides(file: string, text: string): string[] {
  const found: string[] = []
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true)
  const visit = (node: ts.Node): void => {
    const isAny = node.kind === ts.SyntaxKind.AnyKeyword
    const isTwoCasts =
      ts.isAsExpression(node) &&
      ts.isAsExpression(node.expression) &&
      node.expression.type.kind === ts.SyntaxKind.UnknownKeyword
    if (isAny || isTwoCasts || ts.isNonNullExpression(node)) {
      found.push(`${file}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1} ${node.getText()}`)
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

test('src/ sets no type aside', () => {
  const files = pathsIn('src', ['.ts'])
  expect(files.flatMap((file) => asides(file, readFileSync(path.join(root, file), 'utf8')))).toEqual([])
})

test('what sets types aside is found, and its words in comments and texts are not', () => {
  const text = `const a: any = 1\nconst b = a!\nconst c = a as unknown as string\n// any\nconst d = 'as unknown as'\nconst e = !a as unknown`
  expect(asides('a.ts', text)).toEqual(['a.ts:1 any', 'a.ts:2 a!', 'a.ts:3 a as unknown as string'])
})
