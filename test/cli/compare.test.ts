import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readContenders } from '../../src/cli/compare/contender-words.ts'
import { type FakeOpenAi, startFakeOpenAi } from '../compare/fake-openai.ts'
import { fixture, questionsFor, tinyLlama } from '../evaluate/evaluation-fixture.ts'
import { runCli } from './run-cli.ts'

let work: string
let model: string
let data: string
let server: FakeOpenAi
const key = 'sk-test-5d41402abc4b2a76'
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'peft-medaware-compare-'))
  model = join(work, 'model')
  await cp(tinyLlama, model, { recursive: true })
  for (const name of ['tokenizer.json', 'tokenizer_config.json']) {
    await cp(join('test/fixtures/tokenizer', name), join(model, name))
  }
  data = join(work, 'medmcqa.jsonl')
  await writeFile(
    data,
    questionsFor('medmcqa', fixture.test)
      .map((row) => `${JSON.stringify(row)}\n`)
      .join(''),
  )
  process.env['FAKE_OPENAI_KEY'] = key
  server = await startFakeOpenAi({ key })
})
afterAll(async () => {
  delete process.env['FAKE_OPENAI_KEY']
  await server.close()
  await rm(work, { recursive: true })
})

const run = (...words: readonly string[]) => runCli(['compare', ...words, '--device', 'cpu'])

describe('peft-medaware compare', () => {
  it('compares models and endpoints, keeps answers, and goes on from them', async () => {
    const answers = join(work, 'answers.jsonl')
    const words = [
      ...[data, '--tasks', 'medmcqa', '--max-tokens', '8', '--answers', answers],
      ...['--model', `${model},name=tiny`, '--model', `${model},way=log-likelihood,name=weighed`],
      ...['--endpoint', `${server.address},model=fake-1,key-env=FAKE_OPENAI_KEY,input=0.15,output=0.6`],
    ]
    const { code, stdout } = await run(...words)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^medmcqa: 7 questions, 0 solved examples\n/)
    expect(stdout).toMatch(/^tiny +generate /m)
    expect(stdout).toMatch(/^weighed +log-likelihood /m)
    expect(stdout).toMatch(/^fake-1 +generate .* 0 .* 0\.\d{4} /m)
    expect(stdout.match(/scored in two ways/g)).toHaveLength(2)
    const file = await readFile(answers, 'utf8')
    expect(file.split('\n')).toHaveLength(21 + 1)
    expect(file).not.toContain(key)
    const asked = server.heard.length
    // Half of a line, as a broken run leaves it.
    await writeFile(answers, file.slice(0, file.lastIndexOf('{') + 30))
    const again = await run(...words)
    expect(again.code).toBe(0)
    const [first = '', second = ''] = [stdout, again.stdout].map((text) => text.replaceAll(/\d+\.\d\d +\d+\.\d$/gm, ''))
    expect(second).toBe(first)
    expect(server.heard.length - asked).toBe(1)
    expect((await readFile(answers, 'utf8')).split('\n')).toHaveLength(21 + 1)
  })

  it('compares texts', async () => {
    const rows = join(work, 'texts.jsonl')
    const lines = ['gout', 'mumps'].map((focus) =>
      JSON.stringify({ question: `What is ${focus}?`, answer: `It is ${focus}.`, focus }),
    )
    await writeFile(rows, `${lines.join('\n')}\n`)
    const { code, stdout } = await run(
      ...[
        rows,
        '--texts',
        '--max-tokens',
        '8',
        '--prompt',
        'Question: {question}\nAnswer:',
        '--model',
        model,
        '--json',
      ],
      ...['--endpoint', `${server.address},model=fake-1,name=fake,key-env=FAKE_OPENAI_KEY`],
    )
    expect(code).toBe(0)
    const [found] = JSON.parse(stdout) as { n: number; scores: { contender: string; words: { value: number } }[] }[]
    expect(found?.n).toBe(2)
    expect(found?.scores.map(({ contender }) => contender)).toEqual([model, 'fake'])
    expect(found?.scores[1]?.words.value).toBe(4)
    expect(server.heard.at(-1)?.prompt).toBe('Question: What is mumps?\nAnswer:')
  })

  it('ends a run that a server refuses with its words', async () => {
    const { code, stderr } = await run(
      ...[data, '--tasks', 'medmcqa', '--model', model, '--endpoint', `${server.address},model=fake-1`, '--limit', '1'],
      ...['--max-tokens', '1'],
    )
    expect(code).toBe(1)
    expect(stderr).toContain('401 Unauthorized: Incorrect API key provided: undefined.; it wants a key')
  })

  it('says what is wrong with its words, and repeats no key', () => {
    const read = (model: readonly string[], endpoint: readonly string[] = []) => {
      return () => readContenders({ model, endpoint, dtype: 'f32', device: 'cpu', build: 'auto' })
    }
    expect(read(['m'])).toThrow('compares two contenders or more')
    expect(read(['m', 'm'])).toThrow('two contenders are called m')
    expect(
      read(['a, b', 'm,adapter=x,way=log-likelihood'])().map((each) => each.kind === 'model' && each.name),
    ).toEqual([...['a, b', 'm + x + log-likelihood']])
    const at = (fields: string) => read(['m'], [`http://127.0.0.1/v1${fields}`])
    expect(at('')).toThrow('needs model=NAME')
    expect(at(',model=x,keyenv=A')).toThrow('did you mean key-env?')
    expect(at(',model=x,input=3')).toThrow('prices are input=PRICE,output=PRICE')
    for (const fields of [`,model=x,api-key=${key}`, `,model=x,key=${key}`, `,model=x,key-env=${key}`]) {
      expect(at(fields)).toThrow('key-env')
      expect(at(fields)).not.toThrow(key)
    }
  })
})
