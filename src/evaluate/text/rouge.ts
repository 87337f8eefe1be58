import { flag, listOf, oneOf, type OptionRules, readOptions } from '../../core/options.ts'
import type { Interval } from '../bootstrap.ts'
import { type AnswerGroupOptions, answerGroupRules, meanInterval, unitsOf } from './answer-groups.ts'
import {
  type RougeScore,
  type RougeText,
  rougeTokenizer,
  type RougeType,
  rougeTypes,
  scorePair,
} from './rouge-score.ts'
import { readPairs, type References } from './text-pairs.ts'

/** What is measured, and how. */
export interface RougeOptions<T extends RougeType = RougeType> extends AnswerGroupOptions {
  /** Default: rouge1, rouge2, rougeL and rougeLsum. */
  readonly rougeTypes?: readonly T[]
  /**
   * Whether words of more than three letters count by their stems (Porter's, with NLTK's extensions). Default false.
   */
  readonly useStemmer?: boolean
}

/** The kinds that are measured where none is asked for. */
export type DefaultRougeType = 'rouge1' | 'rouge2' | 'rougeL' | 'rougeLsum'

/** Plain means over all pairs, from 0 to 1, with bootstrap intervals. */
export type RougeFigures = Readonly<Record<'precision' | 'recall' | 'fmeasure', Interval>>

/** What a set of answers comes to. */
export interface RougeReport<T extends RougeType = RougeType> {
  readonly figures: Readonly<Record<T, RougeFigures>>
  /** Of each pair. */
  readonly scores: readonly Readonly<Record<T, RougeScore>>[]
}

const rules: OptionRules<RougeOptions> = {
  ...answerGroupRules,
  rougeTypes: listOf(oneOf(rougeTypes), 1),
  useStemmer: flag,
}

/**
 * ROUGE (Lin 2004) of answers against references: each pair's score is that of rouge_score 0.1.2, of several references
 * the one with the highest F-measure, kind by kind. Words are runs of a-z and 0-9 in small letters, so that texts in
 * other scripts have none. For rougeLsum the lines of a text are its sentences.
 *
 * The figures are plain means. Hugging Face's `evaluate` gives the median of 1,000 random bootstrap means instead,
 * which differs a little from run to run.
 * @param references Of each candidate: a text, or a list of texts that are as good.
 * @throws MedAwareError `config` where they differ in number, for no pair and for senseless options; `memory` for
 * rougeLsum where lines are very long.
 */
export function rouge<T extends RougeType = DefaultRougeType>(
  candidates: readonly string[],
  references: readonly References[],
  options: RougeOptions<T> = {},
): RougeReport<T> {
  const who = 'rouge'
  const { groups, rougeTypes: asked, useStemmer = false, ...bootstrap } = readOptions(who, options, rules)
  const types = (asked ?? ['rouge1', 'rouge2', 'rougeL', 'rougeLsum']) as readonly T[]
  const tokenize = rougeTokenizer(useStemmer)
  const scores = readPairs(who, candidates, references).map((pair) => {
    const [prediction, targets] = [tokenize(pair.candidate), pair.references.map(tokenize)]
    return byType(types, (type) => bestScore(type, targets, prediction))
  })
  const units = unitsOf(who, scores, groups)
  const figures = byType(types, (type) => {
    const mean = (part: keyof RougeScore) => meanInterval(units, (score) => score[type][part], bootstrap)
    return { precision: mean('precision'), recall: mean('recall'), fmeasure: mean('fmeasure') }
  })
  return { figures, scores }
}

/** The first of those with the highest F-measure, as `score_multi` takes it. */
function bestScore(type: RougeType, targets: readonly RougeText[], prediction: RougeText): RougeScore {
  const scores = targets.map((target) => scorePair(type, target, prediction))
  return scores.reduce((best, score) => (score.fmeasure > best.fmeasure ? score : best))
}

function byType<T extends RougeType, V>(types: readonly T[], valueOf: (type: T) => V): Readonly<Record<T, V>> {
  return Object.fromEntries(types.map((type) => [type, valueOf(type)])) as Record<T, V>
}
