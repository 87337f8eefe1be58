import {
  completeText,
  evaluateLoss,
  promptCompletionExample,
  type LossReport,
  type Example,
  type PretrainedLm,
  type TextTokenizer,
} from 'peft-medaware'
import type { MedquadPair } from './data/medquad-pair.ts'
import { describeProgress, type ProgressLine } from './progress.ts'
import { pairText, promptOf } from './prompt.ts'

/** A held-out question with the answers of the model before and after, and MedQuAD's own. */
export interface Answered {
  readonly question: string
  readonly reference: string
  readonly before: string
  readonly after: string
}

/** Pairs as tokens; those whose question fills the whole length are left out. */
export function examplesOf(
  tokenizer: TextTokenizer,
  pairs: readonly Pick<MedquadPair, 'question' | 'answer'>[],
  maxLength: number,
): Example[] {
  return pairs.flatMap((pair) => promptCompletionExample(tokenizer, pairText(pair), { maxLength }) ?? [])
}

/** Answers one after another, each ended by EOS, cut into windows of `length` tokens that are predicted whole. */
export function answerWindows(tokenizer: TextTokenizer, pairs: readonly MedquadPair[], length: number): Example[] {
  const stream = Int32Array.from(
    pairs.flatMap(({ answer: text }) => [
      ...tokenizer.encode(text, { addSpecialTokens: false }),
      tokenizer.eosTokenId ?? 0,
    ]),
  )
  return Array.from({ length: Math.floor(stream.length / length) }, (_, i) => {
    const inputIds = stream.slice(i * length, (i + 1) * length)
    const bytes = new TextEncoder().encode(tokenizer.decode([...inputIds.subarray(1)])).length
    return { inputIds, labels: inputIds, bytes }
  })
}

/** Loss and bits per byte on held-out examples. */
export function measure(model: PretrainedLm, examples: readonly Example[], line: ProgressLine): Promise<LossReport> {
  const started = Date.now()
  const onProgress = (done: number, total: number) => line.show(describeProgress('held-out', done, total, started))
  return evaluateLoss(model, examples, { batchSize: 8, onProgress })
}

/** Answers to questions, greedily, with a light penalty on saying things twice. */
export async function answer(
  model: PretrainedLm,
  tokenizer: TextTokenizer,
  questions: readonly string[],
  line: ProgressLine,
): Promise<string[]> {
  const answers: string[] = []
  for (const question of questions) {
    line.show(`answering ${question}`)
    const text = await completeText(model, tokenizer, promptOf(question), { maxNewTokens: 96, repetitionPenalty: 1.15 })
    answers.push(text.trim())
  }
  return answers
}

/** Three short held-out questions of different kinds, the same for the same data. */
export function pickQuestions(pairs: readonly MedquadPair[], number = 3): MedquadPair[] {
  const short = pairs.filter(
    ({ question, answer: text }) => question.length < 70 && text.length > 120 && text.length < 700,
  )
  const kinds = ['information', 'inheritance', 'treatment', 'symptoms', 'causes', 'frequency']
  const picked = kinds.flatMap((kind) => short.filter(({ qtype }) => qtype === kind).slice(0, 1))
  const others = short.filter((pair) => !picked.includes(pair))
  return [...picked, ...others, ...pairs].slice(0, number)
}
