import { type Content, readerFor } from './columns.ts'
import type { Row } from './dataset.ts'
import { endOf, type ExampleTokenizer } from './example-tokenizer.ts'
import type { ResolvedPrepareOptions } from './prepare-options.ts'
import { encodePair, encodeText, type PromptDifference, type TokenizedRow } from './tokenized-row.ts'

/** Turns a row into tokens. @param index Names it in errors. */
export type RowEncoder = (row: Row, index: number, onDifference: (difference: PromptDifference) => void) => TokenizedRow

/**
 * The encoder for rows that are laid out as the first is.
 * @throws MedAwareError `config` for columns that are not known.
 */
export function rowEncoder(
  who: string,
  tokenizer: ExampleTokenizer,
  first: Row,
  options: ResolvedPrepareOptions,
): RowEncoder {
  const reader = readerFor(who, first, options)
  const eos = endOf(who, tokenizer)
  const { completionOnlyLoss = reader.hasPrompts } = options
  const encode = (content: Content, onDifference: (difference: PromptDifference) => void): TokenizedRow => {
    switch (content.type) {
      case 'text':
        return encodeText(tokenizer, eos, content.text)
      case 'pair':
        return encodePair(tokenizer, eos, content, completionOnlyLoss, onDifference)
    }
  }
  return (row, index, onDifference) => encode(reader.read(row, index), onDifference)
}
