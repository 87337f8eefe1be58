import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Question } from '../../../src/evaluate/question.ts'
import { benchmarkFiles } from '../../../src/io/benchmarks/benchmark-files.ts'
import { digestOf, fetchQuestions, loadBenchmark } from '../../../src/io/benchmarks/load-benchmark.ts'
import type { DownloadProgress } from '../../../src/io/huggingface/hub-folder-options.ts'
import { sendRanged } from '../huggingface/fake-hub.ts'

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
const ranges: (string | undefined)[] = []
/** Changes what is answered. */
let twist: ((response: ServerResponse, body: Buffer, range: string | undefined) => boolean) | null = null

/** A file that comes in several requests. */
const manyQuestions = Array.from({ length: 3000 }, (_, i) =>
  asked(`Which of these is number ${i}, and why is it?`, i % 4),
)
const large = manyQuestions
  .map(({ question, answer }, i) => {
    const [opa, opb, opc, opd] = options
    return `${JSON.stringify({ question, cop: answer + 1, opa, opb, opc, opd, id: `q${i}` })}\n`
  })
  .join('')
const largeBytes = Buffer.byteLength(large)
async function largeSource() {
  const source = benchmarkFiles.get('medmcqa')?.questions
  if (source === undefined) throw new Error('medmcqa has no source')
  return { ...source, path: 'data/large.json', rows: 3000, sha256: await digestOf(manyQuestions) }
}

beforeAll(async () => {
  cache = await mkdtemp(join(tmpdir(), 'peft-medaware-benchmarks-'))
  vi.stubEnv('XDG_CACHE_HOME', cache)
  const files = Object.assign({}, ...Object.values(written).map((each) => each.files)) as Record<string, string>
  server = createServer(({ url = '', headers: { range } }, response) => {
    calls.push(url)
    ranges.push(range)
    const name = url.split('/').at(-1) ?? ''
    const file = name === 'large.json' ? large : files[name]
    if (file === undefined) response.writeHead(404).end()
    else if (twist?.(response, Buffer.from(file), range) !== true) sendRanged(response, Buffer.from(file), range, {})
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

  it('takes for examples what is not chosen for questions, by number', async () => {
    const source = benchmarkFiles.get('pubmedqa')?.examples
    if (source === undefined) throw new Error('pubmedqa has no examples')
    const left = [{ question: 'Left out?', context: '', options: ['yes', 'no', 'maybe'], answer: 0 }]
    const found = await fetchQuestions({ ...source, rows: 1, sha256: await digestOf(left) }, { host })
    expect(found).toMatchObject([{ id: '3', ...left[0] }])
  })

  it('ends when it is told, keeps nothing of half a file, and goes on where a connection broke', async () => {
    const source = await largeSource()
    const stop = new AbortController()
    const { signal } = stop
    const stopped = fetchQuestions(source, { host, signal, onProgress: () => stop.abort(new Error('enough')) })
    await expect(stopped).rejects.toThrow('enough')
    await expect(loadBenchmark('medmcqa', { host, signal })).rejects.toThrow('enough')
    // The second request breaks in its middle, once.
    let begun = 0
    twist = (response, body, range) => {
      if (range?.startsWith('bytes=0-') !== true || ++begun !== 2) return false
      const [first = 0, last = 0] = range.slice('bytes='.length).split('-').map(Number)
      const head = { 'content-length': last + 1 - first, 'content-range': `bytes ${first}-${last}/${body.length}` }
      response.writeHead(206, head)
      response.write(body.subarray(first, first + 50_000), () => setTimeout(() => response.destroy(), 50))
      return true
    }
    const seen: DownloadProgress[] = []
    const from = ranges.length
    const found = await fetchQuestions(source, { host, onProgress: (progress) => seen.push(progress) })
    twist = null
    expect(found).toMatchObject(manyQuestions)
    const begins = ranges.slice(from).map((range) => Number(/=(\d+)-/.exec(range ?? '')?.[1]))
    // What came before the break is not asked for again.
    expect(begins.slice(0, 3)).toEqual([0, 0, 50_000])
    expect(seen.at(-1)).toMatchObject({
      phase: 'download',
      file: 'large.json',
      done: largeBytes,
      total: largeBytes,
    })
    const before = calls.length
    expect(await fetchQuestions(source, { host })).toEqual(found)
    expect(calls).toHaveLength(before)
  })

  it('refuses a file that stays cut off', async () => {
    twist = (response, body) => {
      response.writeHead(200, { 'content-length': body.length })
      response.write(body.subarray(0, 1000), () => setTimeout(() => response.destroy(), 20))
      return true
    }
    const source = { ...(await largeSource()), sha256: '0'.repeat(64) }
    await expect(fetchQuestions(source, { host })).rejects.toMatchObject({ code: 'network' })
    twist = null
  })
})
