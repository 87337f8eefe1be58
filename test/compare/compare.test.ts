import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { answerLine, readAnswerLines } from '../../src/compare/asking/answer-lines.ts'
import type { KeptAnswer } from '../../src/compare/asking/kept-answer.ts'
import { askQuestions, compare } from '../../src/compare/choices/compare.ts'
import { holm } from '../../src/compare/choices/holm.ts'
import type { WritingContender, WrittenAnswer } from '../../src/compare/contenders/contender.ts'
import { endpoint } from '../../src/compare/contenders/endpoint.ts'
import { localContender } from '../../src/compare/contenders/local-contender.ts'
import { comparisonTable } from '../../src/compare/tables/comparison-table.ts'
import { openDevice } from '../../src/device/open-device.ts'
import type { Device } from '../../src/device/device.ts'
import { evaluate } from '../../src/evaluate/evaluate.ts'
import { wilson } from '../../src/evaluate/scores/proportion.ts'
import { loadModel } from '../../src/io/load/load-model.ts'
import type { PretrainedLm } from '../../src/models/causal-lm.ts'
import { fixture, questionsFor, tinyLlama, tokenizers } from '../evaluate/evaluation-fixture.ts'
import { type FakeOpenAi, sendError, startFakeOpenAi } from './fake-openai.ts'

const letters = ['A', 'B', 'C', 'D']
const questions = Array.from({ length: 12 }, (_, i) => ({
  ...{ id: `q${i}`, question: `Question number ${i}?`, answer: i % 4 },
  options: letters.map((letter) => `option ${letter} of ${i}`),
}))
const benchmark = { task: 'medqa_4options', questions }
const numberIn = (prompt: string) => Number(/number (\d+)/.exec(prompt)?.[1])

/** A contender that says what a function makes of a question's number. */
function saying(name: string, say: (i: number) => string | Partial<WrittenAnswer>, more = {}): WritingContender {
  return {
    ...{ name, identity: name, ...more },
    async answer(prompt) {
      const said = say(numberIn(prompt))
      const usual = { text: '', finish: 'stop', promptTokens: 100, completionTokens: 10, seconds: 0.5 } as const
      return { ...usual, ...(typeof said === 'string' ? { text: said } : said) }
    },
  }
}
const right = (i: number) => `The answer is ${letters[i % 4]}.`

describe('compare', () => {
  it('scores what is written, counts what cannot be read as wrong, and tests each pair', async () => {
    const mixed = saying('mixed', (i) => {
      const odd: Readonly<Record<number, string | Partial<WrittenAnswer>>> = {
        6: '',
        7: { text: 'Let me think', finish: 'length' },
        8: { text: 'The answer is A.', finish: 'refused' },
        9: 'Either (B) or (C).',
        10: { finish: 'too-long' },
        11: "I'm sorry, but I cannot give medical advice.",
      }
      return odd[i] ?? { text: right(i), finish: i === 5 ? 'length' : 'stop' }
    })
    const prices = { input: 3, output: 15 }
    const { scores, pairs, n } = await compare(
      [saying('right', right, { prices }), mixed, saying('b', () => 'B')],
      benchmark,
    )
    expect(n).toBe(12)
    expect(scores.map(({ acc }) => acc.value)).toEqual([1, 0.5, 0.25])
    expect(scores[1]?.acc).toMatchObject(wilson(6, 12))
    expect(scores[1]?.outcomes).toEqual({
      ...{ answered: 6, empty: 1, refused: 2, truncated: 1, 'too-long': 1, unclear: 1 },
    })
    expect(scores[1]?.cutOff).toBe(2)
    expect(scores[0]?.spending).toMatchObject({ promptTokens: 1200, completionTokens: 120, cost: 0.0054, seconds: 6 })
    expect(scores[1]?.spending.cost).toBeNull()
    expect(scores[0]?.baselines).toMatchObject({ chance: 0.25, constant: { acc: 0.25 } })
    // McNemar: six questions apart, all in one direction: 2 / 2^6; and nine: 2 / 2^9, of three pairs.
    expect(pairs[0]).toMatchObject({ first: 'right', second: 'mixed', onlyFirst: 6, onlySecond: 0 })
    expect(pairs[0]?.pValue).toBeCloseTo(2 / 64, 12)
    expect(pairs[1]?.pValue).toBeCloseTo(2 / 512, 12)
    expect(pairs[1]?.adjustedPValue).toBeCloseTo(6 / 512, 12)
    const table = comparisonTable({ task: 'medqa_4options', n, scores, pairs })
    expect(table).toMatch(/^mixed +generate +50\.0 ± 15\.1 +25\.4 to 74\.6 +6 \(1 empty, 2 refused, 1 truncated, /m)
    expect(table).toMatch(/^always A +25\.0/m)
    expect(table).toContain('answer is: what the last "answer is X"')
    expect(table).not.toContain('two ways')
  })

  it('puts the same prompt to all who write, with what may be answered', async () => {
    const prompts: string[] = []
    const hear = (name: string): WritingContender => ({
      ...saying(name, () => 'A'),
      answer: (prompt) => {
        prompts.push(prompt)
        return saying(name, () => 'A').answer(prompt, { maxTokens: 1 })
      },
    })
    await compare([hear('a'), hear('b')], { ...benchmark, questions: questions.slice(0, 1) })
    expect(prompts).toEqual(
      Array(2).fill(`Answer the question below. End with "The answer is X.", where X is one of: A, B, C, D.

Question: Question number 0?
A. option A of 0
B. option B of 0
C. option C of 0
D. option D of 0
Answer:`),
    )
  })

  it('says what it does not take', async () => {
    const one = saying('one', right)
    await expect(compare([one], benchmark)).rejects.toThrow('a list of at least 2 of a contender')
    await expect(compare([one, one], benchmark)).rejects.toThrow('two contenders are called "one"')
    await expect(compare([one, {} as never], benchmark)).rejects.toThrow('contenders: item 1 must be a contender')
    await expect(askQuestions(one, { ...benchmark, questions: [] })).rejects.toThrow('is given no question')
    await expect(askQuestions(one, benchmark, { max_tokens: 3 } as never)).rejects.toThrow('did you mean maxTokens?')
    await expect(askQuestions(one, benchmark, { known: [{}] as never })).rejects.toThrow('an answer, as onAnswer')
  })

  it('adjusts p-values as Holm does', () => {
    // R: p.adjust(c(0.01, 0.04, 0.03, 0.005), 'holm')
    expect(holm([0.01, 0.04, 0.03, 0.005]).map((each) => Number(each.toFixed(10)))).toEqual([0.03, 0.06, 0.06, 0.02])
    expect(holm([0.6, 0.9])).toEqual([1, 1])
    expect(holm([0.01, 0.04, null, 0.03, 0.005])).toEqual([0.03, 0.06, null, 0.06, 0.02])
    expect(() => holm([1.5])).toThrow('holm: pValues')
  })
})

describe('askQuestions of an endpoint', () => {
  let server: FakeOpenAi
  beforeEach(async () => {
    server = await startFakeOpenAi()
    server.answer = (prompt) => right(numberIn(prompt))
  })
  afterEach(() => server.close())

  it('asks several at a time, goes on after a failure, and asks only what is missing', async () => {
    server.delay = 20
    server.twist = (heard, response) => {
      if (numberIn(heard.prompt) !== 7) return false
      sendError(response, 400, 'bad', 'No such question')
      return true
    }
    const asked = endpoint(server.address, { model: 'fake-1', concurrency: 3, prices: { input: 1, output: 2 } })
    const lines: string[] = []
    const onAnswer = (answer: KeptAnswer) => void lines.push(answerLine(answer))
    await expect(askQuestions(asked, benchmark, { onAnswer })).rejects.toThrow('No such question')
    expect(server.abreast()).toBe(3)
    expect(lines.length).toBeGreaterThanOrEqual(7)
    expect(lines.length).toBeLessThan(11)
    const before = server.heard.length
    server.twist = null
    const known = readAnswerLines('answers', `${lines.join('')}{"half of a li`)
    const seen: number[] = []
    const again = await askQuestions(asked, benchmark, { known, onAnswer, onProgress: (done) => void seen.push(done) })
    expect(server.heard.length - before).toBe(12 - known.length)
    expect(seen.at(-1)).toBe(12)
    expect(again.acc.value).toBe(1)
    const whole = readAnswerLines('answers', lines.join(''))
    expect(new Set(whole.map(({ id }) => id)).size).toBe(12)
    // All of it was kept: nothing is asked, and the score is the same.
    const kept = await askQuestions(asked, benchmark, { known: whole })
    expect(server.heard.length - before).toBe(12 - known.length)
    expect(kept).toEqual(again)
    // Another limit, another model, another instruction: other answers.
    await askQuestions(asked, benchmark, { known: whole, maxTokens: 9 })
    expect(server.heard.length - before).toBe(24 - known.length)
    await askQuestions(asked, benchmark, { known: whole, instruction: '' })
    expect(server.heard.length - before).toBe(36 - known.length)
    expect(() => readAnswerLines('answers', '{"id":"q0"}\n')).toThrow('answers: line 1 is no answer')
  })

  it('ends when it is told, with what was answered kept', async () => {
    const stop = new AbortController()
    const kept: KeptAnswer[] = []
    const asked = endpoint(server.address, { model: 'fake-1', concurrency: 1 })
    const onAnswer = (answer: KeptAnswer) => {
      kept.push(answer)
      if (kept.length === 4) stop.abort(new Error('enough'))
    }
    await expect(askQuestions(asked, benchmark, { onAnswer, signal: stop.signal })).rejects.toThrow('enough')
    expect(kept).toHaveLength(4)
  })
})

describe('a model of this process', () => {
  let device: Device
  let model: PretrainedLm
  beforeAll(async () => {
    ;({ device } = await openDevice({ device: 'cpu', cpu: { threads: 1 } }))
    ;({ model } = await loadModel(tinyLlama, { device }))
  })
  afterAll(() => device.dispose())

  it('weighs choices as evaluate does, and says where two ways are compared', async () => {
    const asked = { task: 'medmcqa', questions: questionsFor('medmcqa', fixture.test) }
    const weigher = await localContender(model, tokenizers.plain, { name: 'weigher', way: 'log-likelihood' })
    const writer = await localContender(model, tokenizers.plain, { name: 'writer' })
    const before = device.memory.liveBytes
    const { scores, pairs, ...rest } = await compare([weigher, writer], asked, { maxTokens: 8 })
    expect(device.memory.liveBytes).toBe(before)
    const report = await evaluate(model, tokenizers.plain, asked)
    expect(scores[0]?.documents.map(({ chosen }) => chosen)).toEqual(report.documents.map(({ chosen }) => chosen))
    expect(scores[0]?.documents.map(({ answer }) => answer.logLikelihoods)).toEqual(
      report.documents.map(({ logLikelihoods }) => logLikelihoods),
    )
    expect(scores.map(({ way }) => way)).toEqual(['log-likelihood', 'generate'])
    expect(pairs[0]?.ways).toEqual(['log-likelihood', 'generate'])
    expect(comparisonTable({ ...rest, scores, pairs })).toContain('scored in two ways: log-likelihood, generate')
    const { spending, cutOff, n } = scores[1] ?? { spending: null, cutOff: 0, n: 0 }
    expect(spending?.uncounted).toBe(0)
    expect(spending?.completionTokens).toBeLessThanOrEqual(8 * n)
    expect(cutOff).toBeGreaterThan(0)
  })

  it('writes the same each time, counts its tokens, and stops where it is told', async () => {
    const contender = await localContender(model, tokenizers.plain, { name: 'tiny', stop: ['#never'] })
    const [one, two] = [
      await contender.answer('What is it?', { maxTokens: 12 }),
      await contender.answer('What is it?', { maxTokens: 12 }),
    ]
    expect(two).toEqual(one)
    expect(one).toMatchObject({ finish: 'length', completionTokens: 12 })
    expect(one.promptTokens).toBe(tokenizers.plain.encode('What is it?').length)
    const stop = one.text.slice(5, 8)
    const stopped = await localContender(model, tokenizers.plain, { name: 'tiny', stop: [stop] })
    const cut = await stopped.answer('What is it?', { maxTokens: 12 })
    expect(cut).toMatchObject({ finish: 'stop', text: one.text.slice(0, one.text.indexOf(stop)) })
    expect(cut.completionTokens).toBeLessThanOrEqual(12)
    const short = await localContender(model, tokenizers.plain, { name: 'tiny', maxLength: 4 })
    expect(await short.answer('What is it, and what is it not?', { maxTokens: 12 })).toMatchObject({
      finish: 'too-long',
    })
    expect(stopped.identity).not.toBe(contender.identity)
    await expect(localContender(model, tokenizers.plain, { name: 'x', chat: true })).rejects.toThrow('needs a template')
    const idle = { name: 'x', way: 'log-likelihood', stop: ['x'] } as const
    await expect(localContender(model, tokenizers.plain, idle)).rejects.toThrow('stop does nothing')
  })

  it('writes prompts by a chat template', async () => {
    const chatTemplate = "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}{% endfor %}<a>"
    const { plain } = tokenizers
    const chatty = Object.assign(Object.create(plain) as typeof plain, { chatTemplate })
    const [chat, bare] = await Promise.all([
      localContender(model, chatty, { name: 'chat' }),
      localContender(model, plain, { name: 'bare' }),
    ])
    const { promptTokens } = await chat.answer('Why?', { maxTokens: 1 })
    expect(promptTokens).toBe(plain.encode('<user>Why?<a>', { addSpecialTokens: false }).length)
    expect(chat.identity).not.toBe(bare.identity)
  })
})
