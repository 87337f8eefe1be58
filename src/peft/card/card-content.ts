import { either, flag, listOf, number, type OptionRules, orNull, recordOf, table, text } from '../../core/options.ts'

/** A number of a card, and between what it lies. */
export interface CardFigure {
  readonly value: number
  /** `null`, as of a single question, or left out: not known. */
  readonly low?: number | null
  readonly high?: number | null
}

/** Something that was measured, beside what it is to be held against. */
export interface CardResult {
  /** What was asked of the model: 'pubmedqa, 0 examples shown'. */
  readonly task: string
  /** What was counted: 'accuracy'. */
  readonly metric: string
  /** Of the model with the adapter. */
  readonly figure: CardFigure
  /** The same of others by name, such as 'base without adapter' and 'constant answer'. Default none. */
  readonly baselines?: Readonly<Record<string, CardFigure>>
  /** A data set's name on the Hub, or in words. Default: the task. */
  readonly dataset?: string
  /** Which part of it. Default: not stated. */
  readonly split?: string
  /** Questions, texts or examples that were measured. Default: not stated. */
  readonly n?: number
  /** What else there is to say, in a sentence. Default nothing. */
  readonly note?: string
}

/** What an adapter was trained on. */
export interface CardData {
  readonly name: string
  /** Where it can be had. */
  readonly url?: string
  /** In words, or the Hub's. */
  readonly license?: string
  /** Whom to name, and what to cite. */
  readonly attribution?: string
  /** How many of what: `{ 'training pairs': 16407 }`. */
  readonly counts?: Readonly<Record<string, number>>
  /** How held-out data was kept apart. */
  readonly split?: string
}

/**
 * What a model card says besides the adapter's method and base. All texts but `card` are plain: what would be markup in
 * them is escaped. What is left out is not made up: the card says that it is not stated.
 */
export interface CardContent {
  /** Markdown of one's own, with its title, in place of the title and the first sentence. Default: those. */
  readonly card?: string
  /** Whether it is of medicine: a disclaimer on top, a tag, and out-of-scope uses. Default false. */
  readonly medical?: boolean
  /** What stands on top, and in a frame. Default: none, or that of `medical`. */
  readonly disclaimer?: string
  /** What it is for. */
  readonly intendedUse?: readonly string[]
  /** What it is not for. */
  readonly outOfScopeUse?: readonly string[]
  /** What is known to be wrong with it. */
  readonly limitations?: readonly string[]
  /** What it was trained on. */
  readonly trainingData?: CardData
  /** Settings and figures of the run by name, such as `runFigures` gives: a table. Default none. */
  readonly figures?: Readonly<Record<string, string | number>>
  /** What was measured, as `cardResults` gives it: a table, and the Hub's `model-index`. Default none. */
  readonly results?: readonly CardResult[]
  /** How the intervals of `results` were found. Default: not stated. */
  readonly intervals?: string
  /** The Hub's word for the adapter's licence, such as 'cc-by-4.0', or another's name. */
  readonly license?: string
  /** Names of data sets on the Hub. Default none. */
  readonly datasets?: readonly string[]
  /** Languages by ISO 639-1, such as 'en'. Default none. */
  readonly language?: readonly string[]
  /** More tags for the Hub. Default none. */
  readonly tags?: readonly string[]
  /** The commit of the code that trained it. */
  readonly commit?: string
}

const figure = table<CardFigure>({ value: number(), low: orNull(number()), high: orNull(number()) })
const result = table<CardResult>({
  task: text,
  metric: text,
  figure,
  baselines: recordOf(figure),
  dataset: text,
  split: text,
  n: number({ from: 0 }),
  note: text,
})
const data = table<CardData>({
  name: text,
  url: text,
  license: text,
  attribution: text,
  counts: recordOf(number({ from: 0 })),
  split: text,
})

/** A rule for each of them. */
export const cardRules: OptionRules<CardContent> = {
  card: text,
  medical: flag,
  disclaimer: text,
  intendedUse: listOf(text),
  outOfScopeUse: listOf(text),
  limitations: listOf(text),
  trainingData: data,
  figures: recordOf(either(text, number())),
  results: listOf(result),
  intervals: text,
  license: text,
  datasets: listOf(text),
  language: listOf(text),
  tags: listOf(text),
  commit: text,
}

/** The content of a card from several: what comes later stands for what came before, and results add up. */
export function joinContent(...contents: readonly CardContent[]): CardContent {
  const results = contents.flatMap((each) => each.results ?? [])
  return Object.assign({}, ...contents, results.length === 0 ? {} : { results }) as CardContent
}
