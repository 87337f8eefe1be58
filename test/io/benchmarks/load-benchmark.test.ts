import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Question } from '../../../src/evaluate/question.ts'
import { benchmarkFiles } from '../../../src/io/benchmarks/benchmark-files.ts'
import { digestOf, fetchQuestions, loadBenchmark } from '../../../src/io/benchmarks/load-benchmark.ts'

const options = ['a fever', ' none', 'é', 'all']
const asked = (question: string, answer: number, context?: string): Question => {
  return { question, options, answer, ...(context !== undefined && { context }) }
}

/** Invented questions as each source writes its own, and what they are here. */
const written: Readonly<Record<string, { files: Readonly<Record<string, string>>; questions: readonly Question[] }>> = {
  pubmedqa: {
    files: {
      // The order is that of the second file, and not of the numbers.
      'ori_pqal.json': JSON.stringify({
        21: { QUESTION: 'Is it?', CONTEXTS: ['We saw.', 'We wrote.'], final_decision: 'maybe' },
        3: { QUESTION: 'Left out?', CONTEXTS: [], final_decision: 'yes' },
        100: { QUESTION: 'Was it?', CONTEXTS: ['Once.'], final_decision: 'no' },
      }),
      'test_ground_truth.json': '{\n    "100": "no",\n    "21": "maybe"\n}',
    },
    questions: [
      { question: 'Was it?', context: 'Once.', options: ['yes', 'no', 'maybe'], answer: 1 },
      { question: 'Is it?', context: 'We saw.\nWe wrote.', options: ['yes', 'no', 'maybe'], answer: 2 },
    ],
  },
  medqa_4options: {
    files: {
      'phrases_no_exclude_test.jsonl': ['C', 'A']
        .map((answer, i) => {
          const byLetter = Object.fromEntries(options.map((option, j) => ['ABCD'[j], option]))
          return `${JSON.stringify({ question: `Which ${i}? `, options: byLetter, answer_idx: answer })}\n`
        })
        .join(''),
    },
    questions: [asked('Which 0? ', 2), asked('Which 1? ', 0)],
  },
  medmcqa: {
    files: {
      'dev.json': [4, 1]
        .map((cop) => {
          const [opa, opb, opc, opd] = options
          return `${JSON.stringify({ question: 'Which?', exp: null, cop, opa, opb, opc, opd, id: `q${cop}` })}\n`
        })
        .join(''),
    },
    questions: [asked('Which?', 3), asked('Which?', 0)],
  },
  mmlu_anatomy: {
    files: {
      'anatomy_test.csv': 'question,choice0,choice1,choice2,choice3,answer\n"Which, then?",a fever, none,é,all,1\n',
    },
    questions: [asked('Which, then?', 1)],
  },
}

let server: Server
let host: string
let cache: string
const calls: string[] = []

beforeAll(async () => {
  cache = await mkdtemp(join(tmpdir(), 'peft-medaware-benchmarks-'))
  vi.stubEnv('XDG_CACHE_HOME', cache)
  const files = Object.assign({}, ...Object.values(written).map((each) => each.files)) as Record<string, string>
  server = createServer(({ url = '' }, response) => {
    calls.push(url)
    const file = files[url.split('/').at(-1) ?? '']
    if (file === undefined) response.writeHead(404).end()
    else response.end(file)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  host = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(async () => {
  vi.unstubAllEnvs()
  server.close()
  await rm(cache, { recursive: true })
})

describe('loadBenchmark', () => {
  it.each(Object.keys(written))('reads %s as its source writes it, checks it, and keeps it', async (task) => {
    const { questions } = written[task] ?? { questions: [] }
    const source = benchmarkFiles.get(task)?.questions
    if (source === undefined) throw new Error(`${task} has no source`)
    const ours = { ...source, rows: questions.length, sha256: await digestOf(questions) }
    const found = await fetchQuestions(ours, { host })
    expect(found).toMatchObject(questions)
    const before = calls.length
    expect(await fetchQuestions(ours, { host })).toEqual(found)
    expect(calls).toHaveLength(before)
  })

  it('refuses what is not the content that it knows, and keeps nothing of it', async () => {
    await expect(loadBenchmark('medmcqa', { host })).rejects.toMatchObject({
      code: 'format',
      message: expect.stringContaining('2 questions of digest') as string,
    })
    const before = calls.length
    await expect(loadBenchmark('medmcqa', { host })).rejects.toThrow('not what is known here')
    expect(calls.length).toBeGreaterThan(before)
  })

  it('says what is not there, and asks nothing offline', async () => {
    await expect(loadBenchmark('mmlu_medical_genetics', { host })).rejects.toThrow('404')
    await expect(loadBenchmark('medmcq')).rejects.toThrow('"medmcq" has no files; there are pubmedqa')
    await expect(loadBenchmark('pubmedqa', { host, hub: { offline: true } })).rejects.toThrow('HF_HUB_OFFLINE')
    await expect(loadBenchmark('pubmedqa', { mirror: host } as never)).rejects.toThrow('no option "mirror"')
  })
})
