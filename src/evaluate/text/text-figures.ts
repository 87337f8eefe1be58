import { anyText, listOf, readArgument, readOptions } from '../../core/options.ts'
import type { Interval } from '../bootstrap.ts'
import { type AnswerGroupOptions, answerGroupRules, meanInterval, unitsOf } from './answer-groups.ts'
import { countNgrams } from './ngrams.ts'

/** Figures of texts by themselves; a word is a run of letters, marks and digits of any script, in small letters. */
export interface TextFigures {
  readonly texts: number
  /** Words of a text. */
  readonly words: Interval
  /** Characters of a text, in code points. */
  readonly characters: Interval
  /** Different words of a text among all of its words; 1 for a text without words. */
  readonly distinct1: Interval
  /** The same of pairs of words that follow one another; 1 for a text of fewer than two. */
  readonly distinct2: Interval
  /**
   * Share of a text's runs of four words that were there before, 1 − different ÷ all: seq-rep-4 of Welleck et al.
   * (2020, "Neural text generation with unlikelihood training"); 0 for a text of fewer than four.
   */
  readonly repeated4: Interval
  /**
   * Different words, and pairs of them, in all texts together, each over the number of all words: distinct-1 and
   * distinct-2 of Li et al. (2016, "A diversity-promoting objective function for neural conversation models"). They
   * fall as texts become more, and have no interval: a text that is drawn twice would count as repetition.
   */
  readonly together: Readonly<Record<'distinct1' | 'distinct2', number>>
}

/**
 * Length, variety and repetition of texts: means over texts, with bootstrap intervals over groups.
 * @throws MedAwareError `config` for no text and for senseless options.
 */
export function textFigures(texts: readonly string[], options: AnswerGroupOptions = {}): TextFigures {
  const who = 'textFigures'
  const { groups, ...bootstrap } = readOptions(who, options, answerGroupRules)
  const parts = readArgument(who, 'texts', texts, listOf(anyText)).map((text) => ({
    characters: Array.from(text).length,
    words: wordsOf(text),
  }))
  const units = unitsOf(who, parts, groups)
  const mean = (figure: (text: (typeof parts)[number]) => number) => meanInterval(units, figure, bootstrap)
  const total = parts.reduce((sum, { words }) => sum + words.length, 0)
  const together = (n: number) => {
    const distinct = new Set(parts.flatMap(({ words }) => [...countNgrams(words, n).keys()]))
    return total === 0 ? 0 : distinct.size / total
  }
  return {
    texts: parts.length,
    words: mean(({ words }) => words.length),
    characters: mean(({ characters }) => characters),
    distinct1: mean(({ words }) => distinctShare(words, 1)),
    distinct2: mean(({ words }) => distinctShare(words, 2)),
    repeated4: mean(({ words }) => 1 - distinctShare(words, 4)),
    together: { distinct1: together(1), distinct2: together(2) },
  }
}

function wordsOf(text: string): readonly string[] {
  return text.toLowerCase().match(/[\p{L}\p{M}\p{N}]+/gu) ?? []
}

function distinctShare(words: readonly string[], n: number): number {
  const all = words.length - n + 1
  return all <= 0 ? 1 : countNgrams(words, n).size / all
}
