import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Question } from '../../src/evaluate/question.ts'
import { tokenizerFromJson } from '../../src/io/tokenizer/tokenizer.ts'

/** A task as lm-evaluation-harness ran it on the fixture's model. */
export interface HarnessRun {
  readonly task: string
  readonly tokenizer: 'plain' | 'begun'
  readonly numFewshot: number
  readonly maxLength: number | null
  readonly results: Readonly<Record<string, number>>
  readonly documents: readonly {
    readonly promptSha256: string
    readonly logLikelihoods: readonly number[]
    readonly isGreedy: readonly boolean[]
    readonly acc: number
    readonly acc_norm: number
    readonly acc_bytes: number
  }[]
}

/** test/fixtures/evaluate/evaluation.json: its script says what is in it. */
export interface EvaluationFixture {
  readonly test: readonly Question[]
  readonly train: readonly Question[]
  readonly runs: readonly HarnessRun[]
  readonly pairs: readonly {
    readonly tokenizer: 'plain' | 'begun'
    readonly context: string
    readonly continuation: string
    readonly logLikelihood: number
    readonly isGreedy: boolean
  }[]
  readonly wilson: readonly (readonly [hits: number, n: number, low: number, high: number])[]
  readonly mcnemar: readonly (readonly [onlyFirst: number, onlySecond: number, pValue: number])[]
  readonly f1: readonly {
    readonly right: readonly number[]
    readonly chosen: readonly number[]
    readonly macroF1: number
  }[]
  readonly group: {
    readonly hits: readonly number[]
    readonly sizes: readonly number[]
    readonly acc: number
    readonly stderr: number
  }
}

const fixtures = join(import.meta.dirname, '../fixtures')
const text = (...names: string[]) => readFileSync(join(fixtures, ...names), 'utf8')

/** The model's folder. */
export const tinyLlama = join(fixtures, 'evaluate/tiny-llama')
export const fixture = JSON.parse(text('evaluate/evaluation.json')) as EvaluationFixture

const begin = '<|endoftext|>'
const begun = {
  type: 'TemplateProcessing',
  single: [{ SpecialToken: { id: begin, type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
  pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 0 } }],
  special_tokens: { [begin]: { id: begin, ids: [0], tokens: [begin] } },
}
const plainJson = text('tokenizer/tokenizer.json')

/** The tokenizer as it is, and one that puts a token before each text. */
export const tokenizers = {
  plain: tokenizerFromJson(plainJson, text('tokenizer/tokenizer_config.json')),
  begun: tokenizerFromJson(
    JSON.stringify({ ...(JSON.parse(plainJson) as object), post_processor: begun }),
    JSON.stringify({ tokenizer_class: 'PreTrainedTokenizerFast', bos_token: begin, eos_token: '<|answer|>' }),
  ),
}

const labels = ['yes', 'no', 'maybe']

/** The fixture's questions as a task of that name is given them. */
export function questionsFor(task: string, questions: readonly Question[]): readonly Question[] {
  return questions.map((question) => {
    if (task === 'pubmedqa') return { ...question, options: labels, answer: question.answer % 3 }
    // The harness's task of the fixture puts the question alone.
    const { id, question: asked, options, answer } = question
    return { ...(id !== undefined && { id }), question: asked, options, answer }
  })
}
