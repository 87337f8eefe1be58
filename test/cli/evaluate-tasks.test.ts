import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fixture, questionsFor, tinyLlama } from '../evaluate/evaluation-fixture.ts'
import { runCli } from './run-cli.ts'

let work: string
let model: string
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'peft-medaware-evaluate-'))
  model = join(work, 'model')
  await cp(tinyLlama, model, { recursive: true })
  for (const name of ['tokenizer.json', 'tokenizer_config.json']) {
    await cp(join('test/fixtures/tokenizer', name), join(model, name))
  }
  await mkdir(join(work, 'data'))
  for (const task of ['medmcqa', 'pubmedqa']) {
    for (const [name, rows] of [
      [task, fixture.test],
      [`${task}.examples`, fixture.train],
    ] as const) {
      const lines = questionsFor(task, rows).map((row) => `${JSON.stringify(row)}\n`)
      await writeFile(join(work, 'data', `${name}.jsonl`), lines.join(''))
    }
  }
})
afterAll(() => rm(work, { recursive: true }))

const run = (...words: readonly string[]) => runCli(['evaluate', model, ...words, '--device', 'cpu'])

describe('peft-medaware evaluate --tasks', () => {
  it('prints scores beside their baselines, and goes on from its results', async () => {
    const results = join(work, 'results.jsonl')
    const words = [join(work, 'data'), '--tasks', 'medmcqa,pubmedqa', '--num-fewshot', '1', '--results', results]
    const { code, stdout, stderr } = await run(...words)
    expect([code, stderr]).toEqual([0, ''])
    const [head, ...rows] = stdout.split('\n')
    expect(head).toMatch(/^task +n +acc +95 % +acc_norm +macro-F1 +constant +chance +people$/)
    const { acc = NaN } = fixture.runs.find(({ task }) => task === 'medmcqa')?.results ?? {}
    expect(rows[0]?.split(/ {2,}/).slice(0, 2)).toEqual(['medmcqa', '7'])
    expect(rows[0]).toContain(` ${(100 * acc).toFixed(1)} ± `)
    expect(rows[1]).toMatch(/^pubmedqa .* 78\.0 \/ 90\.4$/)
    expect(rows[2]).toMatch(/^all of them +14 /)
    const lines = (await readFile(results, 'utf8')).split('\n')
    expect(lines).toHaveLength(1 + 14 + 1)
    // Half of a line, as a broken run leaves it.
    await writeFile(results, [...lines.slice(0, 9), lines[9]?.slice(0, 20)].join('\n'))
    expect((await run(...words)).stdout).toBe(stdout)
    expect((await readFile(results, 'utf8')).split('\n').toSorted()).toEqual(lines.toSorted())
    const other = await run(...words, '--quantize', 'int8')
    expect(other).toMatchObject({ code: 1, stdout: '' })
    expect(other.stderr).toContain('results of another model')
  })

  it('takes one file, its first questions, and prints JSON', async () => {
    const file = join(work, 'data/medmcqa.jsonl')
    const { stdout } = await run(file, '--tasks', 'multiple_choice_text', '--limit', '3', '--json')
    const told = JSON.parse(stdout) as object
    const engine = expect.stringMatching(/^CPU engine /) as string
    expect(told).toMatchObject({ tasks: [{ task: 'multiple_choice_text', n: 3 }], engine })
  })

  it('says what does not go together', async () => {
    const file = join(work, 'data/medmcqa.jsonl')
    expect((await run(file, '--tasks', 'medmcqa,pubmedqa')).stderr).toContain('give a folder')
    expect((await run('--tasks', 'multiple_choice')).stderr).toContain('"multiple_choice" has no files')
    expect((await run()).stderr).toContain('needs SOURCE DATA, or --tasks')
    expect((await run(join(work, 'data'), '--tasks', 'multimedqa')).stderr).toContain('medqa_4options.jsonl')
    expect((await run(file, '--tasks', 'medmcq')).stderr).toContain('did you mean medmcqa?')
    expect((await run(join(work, 'data'), '--tasks', 'medmcqa', '--examples', file)).stderr).toContain('is a folder')
    expect((await run(file, '--tasks', 'medmcqa', '--num-fewshot', '1')).stderr).toContain('given 0 examples')
  })
})
