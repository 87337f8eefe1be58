import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { WritingContender } from '../../src/compare/contenders/contender.ts'
import { endpoint } from '../../src/compare/contenders/endpoint.ts'
import { textTable } from '../../src/compare/tables/text-table.ts'
import { askTexts, compareTexts } from '../../src/compare/texts/compare-texts.ts'
import { checkAnswers } from '../../src/evaluate/check/check-answers.ts'
import { rouge } from '../../src/evaluate/text/rouge.ts'
import { type FakeOpenAi, sendCompletion, startFakeOpenAi } from './fake-openai.ts'

const questions = ['gout', 'asthma', 'measles', 'mumps'].flatMap((group) => [
  { question: `What is ${group}?`, reference: `${group} is a disease that doctors treat.`, group },
  { question: `Who gets ${group}?`, reference: `Anyone can get ${group}, children too.`, group },
])
const referenceOf = (prompt: string) => questions.find(({ question }) => prompt.includes(question))?.reference ?? ''

let server: FakeOpenAi
beforeEach(async () => {
  server = await startFakeOpenAi()
  server.answer = referenceOf
})
afterEach(() => server.close())

describe('compareTexts', () => {
  it('measures texts as rouge and the checker do, with cost and time, and compares pairs', async () => {
    const good = endpoint(server.address, { model: 'fake-1', name: 'good', prices: { input: 1e6, output: 0 } })
    const bad: WritingContender = {
      ...{ name: 'bad', identity: 'bad' },
      async answer(prompt) {
        const text = prompt.startsWith('What') ? 'Take 500 mg of amoxicillin twice daily.' : ''
        return { text, finish: 'length', promptTokens: null, completionTokens: null }
      },
    }
    const { scores, pairs, n } = await compareTexts([good, bad], questions, { resamples: 200 })
    expect(n).toBe(8)
    expect(scores[0]).toMatchObject({ rougeL: { value: 1, low: 1, high: 1 }, flagged: { value: 0 }, empty: 0 })
    expect(scores[0]?.spending.cost).toBe(questions.reduce((sum, { question }) => sum + question.length, 0))
    const texts = questions.map(({ question }) =>
      question.startsWith('What') ? 'Take 500 mg of amoxicillin twice daily.' : '',
    )
    const over = { groups: questions.map(({ group }) => group), resamples: 200 }
    const references = questions.map(({ reference }) => reference)
    const sources = questions.map(({ question, reference }) => `${question}\n${reference}`)
    expect(scores[1]?.rougeL).toEqual(rouge(texts, references, over).figures.rougeL.fmeasure)
    expect(scores[1]?.flagged).toEqual(checkAnswers(texts, sources, over).flagged)
    expect(scores[1]).toMatchObject({
      flagged: { value: 0.5 },
      empty: 4,
      cutOff: 8,
      spending: { uncounted: 8, cost: null },
    })
    expect(pairs[0]?.rougeL.value).toBeCloseTo((scores[1]?.rougeL.value ?? 0) - 1, 12)
    expect(pairs[0]?.flagged.value).toBe(0.5)
    const table = textTable({ n, scores, pairs })
    expect(table).toMatch(/^good +1\.000 \(1\.000 to 1\.000\)/m)
    expect(table).toMatch(/^bad .* 0 \(8 \?\) /m)
    expect(table).toContain('no measure of truth')
  })

  it('asks by a prompt, and takes what may be rested on', async () => {
    server.twist = (heard, response) => {
      sendCompletion(response, heard, { text: 'Take 5 mg.' })
      return true
    }
    const asked = endpoint(server.address, { model: 'fake-1' })
    const [first] = questions
    if (first === undefined) throw new Error('no question')
    const rows = [{ ...first, source: 'Take 5 mg.' }]
    const score = await askTexts(asked, rows, { prompt: 'Q: {question}\nA:' })
    expect(server.heard[0]?.prompt).toBe('Q: What is gout?\nA:')
    expect(score.flagged.value).toBe(0)
  })

  it('says what it does not take', async () => {
    const asked = endpoint(server.address, { model: 'fake-1' })
    await expect(askTexts(asked, [])).rejects.toThrow('a list of at least 1')
    await expect(askTexts(asked, [{ question: 'x' } as never])).rejects.toThrow(
      'questions[0]: reference must be a text',
    )
    const twice = { id: 'a', question: 'x', reference: 'y' }
    await expect(askTexts(asked, [twice, twice])).rejects.toThrow('two questions have the id "a"')
    const weigher = { name: 'w', identity: 'w', weigh: () => Promise.reject(new Error('no')) }
    await expect(askTexts(weigher as never, questions)).rejects.toThrow('a contender that writes')
  })
})
