import { readFileSync } from 'node:fs'
import path from 'node:path'
import { expect, test } from 'vitest'
import { pathsIn, readSource, root } from './source-files.ts'

/** Each suite: how its files end, and the script of package.json that runs them. */
const suites = [
  { ending: '.test.ts', script: 'test' },
  { ending: '.chromium.ts', script: 'test:chromium' },
  { ending: '.firefox.ts', script: 'test:firefox' },
  { ending: '.webkit.ts', script: 'test:webkit' },
  { ending: '.long.ts', script: 'test:long' },
] as const

test('every suite takes its own files, and .ci/run has a stage for it', () => {
  const ci = readFileSync(path.join(root, '.ci/run'), 'utf8')
  const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  for (const { ending, script } of suites) {
    const config = /--config (\S+)/.exec(scripts[script] ?? '')?.[1] ?? 'vitest.config.ts'
    expect(readFileSync(path.join(root, config), 'utf8')).toContain(`include: ['test/**/*${ending}']`)
    expect(ci).toMatch(new RegExp(`^ *stage '.*' npm (run )?${script}$`, 'm'))
  }
})

test('a file that declares tests is in a suite, and one that opens Chromium is not in npm test', () => {
  const endings = suites.map(({ ending }) => ending)
  const declares = /^(it|test|describe)(\.each|\()/m
  const texts = pathsIn('test', ['.ts'])
    .map((file) => ({ file, text: readFileSync(path.join(root, file), 'utf8') }))
    .filter(({ text }) => declares.test(text))
  const outside = texts.filter(({ file }) => !endings.some((ending) => file.endsWith(ending)))
  expect(texts.length).toBeGreaterThan(200)
  expect(outside.map(({ file }) => file)).toEqual([])
  const opening = texts
    .filter(({ file, text }) => text.includes('openBrowser') && readSource(file).identifiers.has('openBrowser'))
    .map(({ file }) => file)
  expect(opening.length).toBeGreaterThan(4)
  expect(opening.filter((file) => file.endsWith('.test.ts'))).toEqual([])
})

test('a file that draws numbers begins its own draws', () => {
  const drawing = pathsIn('test', ['.ts'])
    .map((file) => ({ file, text: readFileSync(path.join(root, file), 'utf8') }))
    .filter(({ text }) => /import \{[^}]*\b(normals|integers|junk)\b[^}]*\} from '[^']*kernel-case\.ts'/.test(text))
  expect(drawing.length).toBeGreaterThan(20)
  expect(drawing.filter(({ text }) => !/^seedDraws\('/m.test(text)).map(({ file }) => file)).toEqual([])
})
