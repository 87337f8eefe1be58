import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { evaluate, type EvaluateOptions } from '../../src/evaluate/evaluate.ts'
import { logLikelihoods } from '../../src/evaluate/log-likelihood/log-likelihoods.ts'
import { RequestEncoder } from '../../src/evaluate/log-likelihood/request.ts'
import type { DocumentScore } from '../../src/evaluate/scores/document-score.ts'
import { loadModel } from '../../src/io/load/load-model.ts'
import type { PretrainedLm } from '../../src/models/causal-lm.ts'
import { testEngines } from '../device/devices.ts'
import { fixture, type HarnessRun, questionsFor, tinyLlama, tokenizers } from './evaluation-fixture.ts'

/** Asks a model what the harness asked its own. */
function ask(model: PretrainedLm, run: HarnessRun, options: EvaluateOptions) {
  const { task, tokenizer, numFewshot, maxLength } = run
  const [questions, examples] = [questionsFor(task, fixture.test), questionsFor(task, fixture.train)]
  const length = maxLength === null ? {} : { maxLength }
  return evaluate(model, tokenizers[tokenizer], { task, questions, examples }, { numFewshot, ...length, ...options })
}

const devices = await testEngines()
afterAll(() => devices.forEach((device) => device.dispose()))

const title = ({ task, tokenizer, numFewshot, maxLength }: HarnessRun) =>
  `${task}, ${tokenizer}, ${numFewshot} examples, ${maxLength ?? 'all'} tokens`

describe.each(devices)('evaluate on $description', (device) => {
  let model: PretrainedLm

  beforeAll(async () => {
    ;({ model } = await loadModel(tinyLlama, { device }))
  })

  // A prompt of some hundred tokens takes SwiftShader seconds: there, what differs by device alone, and short of it.
  const runs = fixture.runs.filter(({ maxLength }) => device.kind === 'cpu' || maxLength !== null)

  it.each(runs.map((run) => [title(run), run] as const))('equals the harness: %s', async (_, run) => {
    const before = device.memory.liveBytes
    const report = await ask(model, run, { batchSize: 3 })
    expect(device.memory.liveBytes).toBe(before)
    for (const [i, wanted] of run.documents.entries()) {
      const found = report.documents[i]
      expect(found?.promptSha256).toBe(wanted.promptSha256)
      expect(found?.isGreedy).toEqual(wanted.isGreedy)
      expect(found?.logLikelihoods).toHaveLength(wanted.logLikelihoods.length)
      wanted.logLikelihoods.forEach((log, j) => {
        expect(Math.abs((found?.logLikelihoods[j] ?? NaN) - log)).toBeLessThan(1e-4)
      })
      expect([found?.isCorrect, found?.isCorrectByCharacter, found?.isCorrectByByte]).toEqual(
        [wanted.acc, wanted.acc_norm, wanted.acc_bytes].map((each) => each === 1),
      )
    }
    const { acc, accNorm, accBytes } = report
    for (const [score, name] of [
      [acc, 'acc'],
      [accNorm, 'acc_norm'],
      [accBytes, 'acc_bytes'],
    ] as const) {
      expect(score.value).toBeCloseTo(run.results[name] ?? NaN, 12)
      expect(score.stderr).toBeCloseTo(run.results[`${name}_stderr`] ?? NaN, 12)
    }
  })

  it('splits a text as the harness does, without a context too', async () => {
    for (const { tokenizer, context, continuation, logLikelihood, isGreedy } of fixture.pairs) {
      const request = new RequestEncoder(tokenizers[tokenizer]).encode(context, [continuation])
      const [[found] = []] = await logLikelihoods(model, [request])
      expect(Math.abs((found?.logLikelihood ?? NaN) - logLikelihood)).toBeLessThan(1e-4)
      expect(found?.isGreedy).toBe(isGreedy)
    }
  })
})

describe('evaluate', () => {
  const device = devices[0]
  if (device === undefined) throw new Error('there is no device')
  const questions = questionsFor('medqa_4options', fixture.test)
  const load = async () => (await loadModel(tinyLlama, { device })).model

  it('says which question a task cannot put, and what it lacks', async () => {
    const model = await load()
    const tell = (benchmark: unknown, options: EvaluateOptions = {}) =>
      evaluate(model, tokenizers.plain, benchmark as never, options)
    await expect(tell({ task: 'pubmed_qa', questions })).rejects.toThrow('did you mean pubmedqa?')
    await expect(tell({ task: 'pubmedqa', questions })).rejects.toThrow('question "q1-0" has none')
    await expect(tell({ task: 'medqa_4options', questions: [] })).rejects.toThrow('is given no question')
    const few = [{ question: 'Is it?', options: ['a', 'b'], answer: 2 }]
    await expect(tell({ task: 'multiple_choice', questions: few })).rejects.toThrow('from 0 to 1, got 2')
    const two = [{ question: 'Is it?', options: ['a', 'b'], answer: 1 }]
    await expect(tell({ task: 'medmcqa', questions: two })).rejects.toThrow('4 options to a question')
    await expect(tell({ task: 'multiple_choice', questions: [...questions, ...questions] })).rejects.toThrow('the id')
    await expect(tell({ task: 'medmcqa', questions }, { numFewshot: 1 })).rejects.toThrow('given 0 examples')
    await expect(tell({ task: 'medmcqa', questions }, { numFewShot: 1 } as never)).rejects.toThrow('mean numFewshot')
    await expect(tell({ task: 'multiple_choice_text', questions }, { maxLength: 4 })).rejects.toThrow('maxLength is 4')
    await expect(tell({ task: 'medmcqa', questions }, { known: [{}] as never })).rejects.toThrow('known: item 0')
  })

  it('goes on where it was broken off, asking nothing twice', async () => {
    const model = await load()
    const run = fixture.runs.find(({ task }) => task === 'multiple_choice_text')
    if (run === undefined) throw new Error('the fixture has no such run')
    const known: DocumentScore[] = []
    const stop = new AbortController()
    const broken = ask(model, run, {
      batchSize: 2,
      signal: stop.signal,
      onDocument: (score) => known.push(score),
      onProgress: (done) => {
        if (done === 4) stop.abort(new Error('enough'))
      },
    })
    await expect(broken).rejects.toThrow('enough')
    expect(known).toHaveLength(4)
    const [fresh, calls]: [DocumentScore[], number[]] = [[], []]
    const report = await ask(model, run, {
      ...{ batchSize: 2, known, onDocument: (score) => fresh.push(score) },
      onProgress: (done, total) => calls.push(done, total),
    })
    expect(fresh).toHaveLength(3)
    expect(calls).toEqual([6, 7, 7, 7])
    expect(report.documents.map(({ id }) => id)).toEqual(fixture.test.map(({ id }) => id))
    const whole = await ask(model, run, { batchSize: 2 })
    expect(report.acc).toEqual(whole.acc)
  })

  it('puts questions of one’s own, with letters and with a context', async () => {
    const own = [{ question: 'Is it?', context: 'We saw it.', options: ['yes', 'no'], answer: 1 }]
    const prompts: string[] = []
    const seen = {
      ...tokenizers.plain,
      encode: (text: string) => {
        prompts.push(text)
        return tokenizers.plain.encode(text)
      },
    }
    const { documents, baselines } = await evaluate(await load(), seen, { task: 'multiple_choice', questions: own })
    expect(prompts[0]).toBe('Context: We saw it.\nQuestion: Is it?\nA. yes\nB. no\nAnswer:')
    expect(prompts.slice(1)).toEqual([`${prompts[0]} A`, `${prompts[0]} B`])
    expect(documents[0]?.id).toBe('0')
    expect(baselines).toMatchObject({ chance: 0.5, constant: { choice: 1, answer: 'B', acc: 1 } })
  })

  it('takes a task of one’s own', async () => {
    const task = {
      name: 'colours',
      sampler: 'first_n' as const,
      prompt: ({ question }: { question: string }) => `${question} It is`,
      choices: ({ options }: { options: readonly string[] }) => options,
    }
    const report = await evaluate(await load(), tokenizers.plain, { task, questions })
    expect([report.task, report.n]).toEqual(['colours', 7])
  })
})
