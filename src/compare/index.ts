/**
 * The same questions through several models: of this process, and behind any endpoint that speaks OpenAI's protocol.
 * Scores stand beside what could not be read, what it cost and how long it took, and each pair of contenders is
 * compared by a test on the same questions.
 * @packageDocumentation
 */
export type {
  AnswerRequest,
  Contender,
  Finish,
  Prices,
  Way,
  WeighingContender,
  WritingContender,
  WrittenAnswer,
} from './contenders/contender.ts'
export { endpoint, type EndpointOptions } from './contenders/endpoint.ts'
export { localContender, type LocalContenderOptions } from './contenders/local-contender.ts'
export type { AskOptions } from './asking/ask-options.ts'
export type { KeptAnswer } from './asking/kept-answer.ts'
export { answerLine, readAnswerLines } from './asking/answer-lines.ts'
export type { Spending } from './asking/spending.ts'
export { askQuestions, compare, type CompareOptions, usualInstruction } from './choices/compare.ts'
export { type Comparison, comparisonOf, type ContenderPair } from './choices/comparison.ts'
export { holm } from './choices/holm.ts'
export type { ComparedAnswer, ContenderScore, Outcome } from './choices/choice-score.ts'
export { extractAnswer, type ExtractedAnswer, extractionRule, type ExtractionStep } from './choices/extract-answer.ts'
export {
  askTexts,
  compareTexts,
  type CompareTextsOptions,
  type TextComparison,
  textComparisonOf,
  type TextDocument,
  type TextPair,
  type TextScore,
} from './texts/compare-texts.ts'
export type { TextQuestion } from './texts/text-question.ts'
export { comparisonTable } from './tables/comparison-table.ts'
export { textTable } from './tables/text-table.ts'
