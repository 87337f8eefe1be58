import { check } from '../../core/errors.ts'
import { anyText, flag, number, oneOf, type OptionRules, readArgument, readOptions, whole } from '../../core/options.ts'
import { pythonRstrip } from '../../core/python/words.ts'
import { bootstrapInterval, type Interval } from '../bootstrap.ts'
import { type AnswerGroupOptions, answerGroupRules, unitsOf } from './answer-groups.ts'
import {
  type BleuCounts,
  type BleuFormula,
  type BleuScore,
  countBleu,
  scoreBleu,
  smoothDefaults,
  type SmoothMethod,
  smoothMethods,
  sumBleu,
} from './bleu-score.ts'
import { type BleuTokenizer, bleuTokenizers, bleuWords } from './bleu-tokenizers.ts'
import { readPairs, readReferences, type References, type TextPair } from './text-pairs.ts'

/** How BLEU is counted, in sacrebleu's words. */
export interface BleuOptions {
  /**
   * '13a' is that of WMT (mteval-v13a.pl), 'intl' cuts at Unicode's punctuation and symbols (mteval-v14.pl), 'char'
   * takes characters for words, and 'none' what stands between spaces. Default '13a'.
   */
  readonly tokenize?: BleuTokenizer
  /** Whether capitals count as small letters. Default false. */
  readonly lowercase?: boolean
  /** What runs that never match count as (Chen and Cherry 2014). Default 'exp'. */
  readonly smoothMethod?: SmoothMethod
  /** For 'floor', default 0.1, and 'add-k', default 1. */
  readonly smoothValue?: number
  /** The longest runs of words. Default 4. */
  readonly maxNgramOrder?: number
  /** Whether runs longer than the text are left out. Default false for a corpus, true for a sentence. */
  readonly effectiveOrder?: boolean
}

/** With how the interval is found. */
export interface CorpusBleuOptions extends BleuOptions, AnswerGroupOptions {}

/** BLEU of one text, and how it was counted. */
export interface SentenceBleu extends BleuScore {
  /** In sacrebleu's form; its version is the one that the numbers equal. */
  readonly signature: string
}

/** BLEU of many texts. */
export interface CorpusBleu extends SentenceBleu {
  /** Of the score, by a bootstrap over groups. */
  readonly interval: Interval
}

/** The sacrebleu whose numbers these are. */
const version = '2.6.0'

const rules: OptionRules<BleuOptions> = {
  tokenize: oneOf(bleuTokenizers),
  lowercase: flag,
  smoothMethod: oneOf(smoothMethods),
  smoothValue: number({ from: 0 }),
  maxNgramOrder: whole({ from: 1, to: 100 }),
  effectiveOrder: flag,
}
const aliases = { useEffectiveOrder: 'effectiveOrder', maxOrder: 'maxNgramOrder' } as const

/**
 * BLEU (Papineni et al. 2002) of a whole set of texts, equal to `sacrebleu.corpus_bleu` 2.6.0: runs are counted over
 * all texts, then scored once.
 * @param references Of each candidate: a text, or a list of texts that are as good. (sacrebleu wants the lists the
 * other way round: one for all first references, and so on.)
 * @throws MedAwareError `config` where they differ in number, for no pair and for senseless options.
 */
export function corpusBleu(
  candidates: readonly string[],
  references: readonly References[],
  options: CorpusBleuOptions = {},
): CorpusBleu {
  const who = 'corpusBleu'
  const read = readOptions(who, options, { ...answerGroupRules, ...rules }, aliases)
  const pairs = readPairs(who, candidates, references)
  const { groups, resamples, confidence, seed, ...given } = read
  const settings = settingsOf(who, { effectiveOrder: false, ...given })
  const units = unitsOf(
    who,
    pairs.map((pair) => countPair(pair, settings)),
    groups,
  ).map(sumBleu)
  const interval = bootstrapInterval(units, (drawn) => scoreBleu(sumBleu(drawn), settings).score, {
    ...(resamples === undefined ? {} : { resamples }),
    ...(confidence === undefined ? {} : { confidence }),
    ...(seed === undefined ? {} : { seed }),
  })
  return { ...scoreBleu(sumBleu(units), settings), interval, signature: signatureOf(pairs, settings) }
}

/**
 * BLEU of one text, equal to `sacrebleu.sentence_bleu` 2.6.0. BLEU is made for a corpus: of a single text it says
 * little.
 * @param references A text, or a list of texts that are as good.
 * @throws MedAwareError `config` for what is no text and for senseless options.
 */
export function sentenceBleu(candidate: string, references: References, options: BleuOptions = {}): SentenceBleu {
  const who = 'sentenceBleu'
  const settings = settingsOf(who, { effectiveOrder: true, ...readOptions(who, options, rules, aliases) })
  const pair: TextPair = {
    candidate: readArgument(who, 'candidate', candidate, anyText),
    references: readReferences(who, 'references', references),
  }
  return { ...scoreBleu(countPair(pair, settings), settings), signature: signatureOf([pair], settings) }
}

interface Settings extends BleuFormula {
  readonly tokenize: BleuTokenizer
  readonly lowercase: boolean
  readonly maxNgramOrder: number
}

function settingsOf(who: string, given: BleuOptions & { effectiveOrder: boolean }): Settings {
  const { smoothMethod = 'exp', smoothValue, tokenize = '13a', lowercase = false, maxNgramOrder = 4 } = given
  const usual = smoothDefaults[smoothMethod]
  check(smoothValue === undefined || usual !== undefined, 'config', () => {
    return `${who}: smoothValue is for smoothMethod 'floor' and 'add-k', and smoothMethod is '${smoothMethod}'`
  })
  const { effectiveOrder } = given
  return { smoothMethod, smoothValue: smoothValue ?? usual ?? 0, tokenize, lowercase, maxNgramOrder, effectiveOrder }
}

function countPair({ candidate, references }: TextPair, { tokenize, lowercase, maxNgramOrder }: Settings): BleuCounts {
  const wordsOf = (text: string) => bleuWords(pythonRstrip(lowercase ? text.toLowerCase() : text), tokenize)
  return countBleu(wordsOf(candidate), references.map(wordsOf), maxNgramOrder)
}

function signatureOf(pairs: readonly TextPair[], settings: Settings): string {
  const numbers = new Set(pairs.map(({ references }) => references.length))
  const value = settings.smoothMethod in smoothDefaults ? `[${settings.smoothValue.toFixed(2)}]` : ''
  return [
    `nrefs:${numbers.size === 1 ? [...numbers].join('') : 'var'}`,
    `case:${settings.lowercase ? 'lc' : 'mixed'}`,
    `eff:${settings.effectiveOrder ? 'yes' : 'no'}`,
    `tok:${settings.tokenize}`,
    `smooth:${settings.smoothMethod}${value}`,
    `version:${version}`,
  ].join('|')
}
