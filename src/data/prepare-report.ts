import type { Example } from '../models/example.ts'
import { labelCount } from '../models/example.ts'
import { describeDifference } from './prompt-completion.ts'
import type { PromptDifference } from './tokenized-row.ts'

/** What became of the rows of a data set. */
export interface PrepareReport {
  /** Rows that were read. */
  readonly rows: number
  /** Rows, of packed ones too, that were left out since nothing in them is to be learned. */
  readonly dropped: number
  /** Rows of which something was cut off. */
  readonly truncated: number
  /** Examples that came of them. */
  readonly examples: number
  /** Tokens in the examples. */
  readonly tokens: number
  /** Tokens among them that are predicted. */
  readonly labels: number
}

/** Counts what becomes of rows, and tells at the end what is odd about them. */
export class PrepareTally {
  #rows = 0
  #dropped = 0
  #truncated = 0
  #cutTokens = 0
  #examples = 0
  #tokens = 0
  #labels = 0
  #differing = 0
  #firstDifference: { readonly row: number; readonly difference: PromptDifference } | null = null
  #endIsLearned = false

  get report(): PrepareReport {
    return {
      ...{ rows: this.#rows, dropped: this.#dropped, truncated: this.#truncated },
      ...{ examples: this.#examples, tokens: this.#tokens, labels: this.#labels },
    }
  }

  addRow(): void {
    this.#rows++
  }

  addDropped(): void {
    this.#dropped++
  }

  /** @param tokens That were left out of a row. */
  addTruncated(tokens: number): void {
    this.#truncated++
    this.#cutTokens += tokens
  }

  addDifference(row: number, difference: PromptDifference): void {
    this.#differing++
    this.#firstDifference ??= { row, difference }
  }

  /** @param rows What it consists of. */
  addExample(eosId: number | null, ...rows: readonly Example[]): void {
    this.#examples++
    for (const row of rows) {
      this.#tokens += row.inputIds.length
      this.#labels += labelCount(row)
      this.#endIsLearned ||= eosId !== null && row.labels.includes(eosId)
    }
  }

  /** What a user should know. @param most Tokens of an example. @param eosToken The tokenizer's, as it is written. */
  warnings(who: string, most: number, eosToken: string | null): string[] {
    const of = `of ${this.#rows} rows`
    const first = this.#firstDifference
    return [
      ...(first === null
        ? []
        : [
            `${who}: in ${this.#differing} ${of}, first in row ${first.row}, the prompt ${describeDifference(first.difference)}`,
          ]),
      ...(this.#truncated === 0
        ? []
        : [
            `${who}: ${this.#truncated} ${of} are longer than maxLength ${most} and were cut, ` +
              `by ${this.#cutTokens} tokens in all; raise maxLength to learn from them whole`,
          ]),
      ...(this.#dropped === 0
        ? []
        : [`${who}: ${this.#dropped} ${of} were left out, nothing in their first tokens is to be learned`]),
      ...(this.#examples === 0 || this.#endIsLearned
        ? []
        : [
            `${who}: EOS${eosToken === null ? '' : `, ${JSON.stringify(eosToken)},`} is a label nowhere, ` +
              'so a model will not learn to stop with it',
          ]),
    ]
  }
}
