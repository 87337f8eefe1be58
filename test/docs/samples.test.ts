import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse as parseYaml } from 'yaml'
import { readRecipe } from '../../src/cli/train/recipe.ts'
import { readPrepareOptions } from '../../src/data/prepare-options.ts'
import { trainingArguments } from '../../src/train/arguments/training-arguments.ts'
import { type TrainerOptions, trainerOptions } from '../../src/trainer/trainer-options.ts'
import { camelCase } from '../../src/core/camel-case.ts'
import packageJson from '../../package.json'
import { root } from '../programs/run-program.ts'
import { commandHelps } from './command-helps.ts'
import { fencesOf, runnableSamples } from './fences.ts'
import { writtenPages } from './pages.ts'
import { commandLines, commandsOf, flagsIn, ownWords } from './samples/command-lines.ts'
import { runSample } from './samples/run-sample.ts'
import { typeErrors } from './samples/type-check.ts'

const pages = writtenPages()
const small = join(root, 'examples/medquad/base')

describe('samples in JavaScript and TypeScript', () => {
  const made = (...samples: string[]) => ({
    name: 'made.md',
    text: `words\n\n${samples.map((sample) => `\`\`\`ts\n${sample}\n\`\`\`\n`).join('')}`,
  })

  it('are right by the types of the package; those of a page are one program, and a wrong one is told by its line', () => {
    const right = made("import { Random } from 'peft-medaware'", 'const random = new Random(1)')
    const shadowing = made('const a = 1', 'const a = 2\nconst b: string = a')
    const unknown = made('attachLora()', "import { attachLoras } from 'peft-medaware'")
    expect(typeErrors([...pages, right, shadowing, unknown])).toEqual([
      "made.md:8: Type 'number' is not assignable to type 'string'.",
      "made.md:4: Cannot find name 'attachLora'. Did you mean 'attachLoras'?",
      `made.md:0: '"peft-medaware"' has no exported member named 'attachLoras'. Did you mean 'attachLora'?`,
    ])
  })

  // README.md's is run against the packed package by `npm run check:package`.
  const samples = pages.flatMap(({ name, text }) => {
    return runnableSamples(name, text, 'run').map((sample) => ({ at: `${name}:${sample.line}`, sample }))
  })
  it.each(samples)('print what the page says: $at', async ({ sample }) => {
    expect(await runSample(sample, [small])).toBe(sample.output)
  })
})

describe('samples of a shell', () => {
  const lines = pages.flatMap(commandLines)

  it('are cut into words as a shell does', () => {
    expect(commandsOf(`npm ci && npx a b  # c\nd 'e f' \\\n  "g" | h > i\n# j\n`)).toEqual([
      ['npm', 'ci'],
      ['npx', 'a', 'b'],
      ['d', 'e f', 'g'],
      ['h'],
    ])
  })

  it('call commands that there are, by their flags', async () => {
    const helps = await commandHelps()
    const wrong = lines.flatMap(({ at, words }) => {
      const [name = '--help', ...rest] = ownWords(words) ?? []
      if (name.startsWith('-')) return []
      const help = helps.get(name)
      if (help === undefined) return [`${at}: there is no command ${name}`]
      const known = flagsIn(help.text)
      const flags = rest.map((word) => word.split('=')[0] ?? '').filter((word) => /^--?[a-z]/.test(word))
      return flags.filter((flag) => !known.has(flag)).map((flag) => `${at}: ${name} has no ${flag}`)
    })
    expect(wrong).toEqual([])
    expect(lines.filter(({ words }) => ownWords(words) !== null).length).toBeGreaterThan(25)
  })

  it('set what can be set', async () => {
    for (const { words } of lines.filter(({ words }) => ownWords(words)?.[0] === 'train')) {
      const sets = words.filter((_, i) => words[i - 1] === '--set')
      trainingArguments((await readRecipe(undefined, sets, {})).args)
    }
  })

  it('run scripts that package.json has', () => {
    const run = lines.flatMap(({ at, words: [npm, verb, script = ''] }) => {
      return npm === 'npm' && verb === 'run' ? [{ at, script }] : []
    })
    expect(run.filter(({ script }) => !Object.hasOwn(packageJson.scripts, script))).toEqual([])
  })
})

describe('samples of data', () => {
  let work: string
  beforeAll(async () => {
    work = await mkdtemp(join(tmpdir(), 'peft-medaware-docs-'))
  })
  afterAll(() => rm(work, { recursive: true }))

  const fences = pages.flatMap(({ name, text }) => fencesOf(text).map((fence) => ({ ...fence, page: name })))
  const of = (language: string) => {
    const found = fences.filter((fence) => fence.language === language)
    return found.map((fence) => ({ ...fence, at: `${fence.page}:${fence.line}` }))
  }

  it('in JSON, JSON Lines and YAML can be read', () => {
    for (const { at, body } of of('json')) expect(() => JSON.parse(body) as unknown, at).not.toThrow()
    for (const { at, body } of of('yaml')) expect(() => parseYaml(body) as unknown, at).not.toThrow()
    for (const { at, body } of of('jsonl')) {
      for (const line of body.trim().split('\n')) expect(() => JSON.parse(line) as unknown, at).not.toThrow()
    }
  })

  it('called run.yaml are recipes', async () => {
    const recipes = of('yaml').filter(({ words }) => words.includes('run.yaml'))
    expect(recipes.length).toBeGreaterThan(1)
    for (const { at, body } of recipes) {
      const path = join(work, 'run.yaml')
      await writeFile(path, body)
      const { own, args } = await readRecipe(path, [], {})
      const { run, trainer, data } = trainingArguments(args)
      const card = Object.entries(own.card ?? {}).map(([name, value]) => [camelCase(name), value] as const)
      const told = { outputDir: 'out', ...run, ...trainer, evalDataset: [], card: Object.fromEntries(card) }
      expect(() => [trainerOptions(at, told as TrainerOptions), readPrepareOptions(at, data)]).not.toThrow()
    }
  })
})
