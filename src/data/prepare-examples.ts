import type { Example } from '../models/example.ts'
import type { Dataset, Rows } from './dataset.ts'
import { datasetOf } from './dataset.ts'
import { endOf, type ExampleTokenizer, readTokenizer } from './example-tokenizer.ts'
import { type PackedRow, packRows, rowsPackedTogether } from './pack-rows.ts'
import { pacedRows } from './prepare-pace.ts'
import { type PrepareOptions, readPrepareOptions, type ResolvedPrepareOptions } from './prepare-options.ts'
import { type PrepareReport, PrepareTally } from './prepare-report.ts'
import { type RowEncoder, rowEncoder } from './row-encoder.ts'
import { exampleOf, type TokenizedRow } from './tokenized-row.ts'

/** Examples of a data set, and what became of its rows. */
export interface PreparedExamples {
  readonly examples: Example[]
  readonly report: PrepareReport
}

/** Examples that are made of rows while they are gone through, anew in each pass. */
export interface ExampleStream extends AsyncIterable<Example> {
  /** Of the pass that began last, as far as it has come. */
  readonly report: PrepareReport
}

/**
 * Makes examples of rows as TRL 1.16's SFTTrainer does (sft_trainer.py's _prepare_dataset): finds the columns, encodes
 * with the tokenizer's special tokens and EOS behind texts that do not end in it, masks prompts, cuts what is longer
 * than `maxLength` or packs several into one, and leaves out what has nothing to learn; it counts all of that, and
 * warns once.
 * @throws MedAwareError `config` for what are no rows or no tokenizer, unknown columns, a column of another type, which
 * it names with its row, and a tokenizer without EOS; what going through the rows throws; what `signal` is aborted
 * with.
 */
export async function prepareExamples(
  tokenizer: ExampleTokenizer,
  dataset: Rows,
  options: PrepareOptions = {},
): Promise<PreparedExamples> {
  const stream = openStream('prepareExamples', tokenizer, dataset, options)
  const examples: Example[] = []
  for await (const example of stream) examples.push(example)
  return { examples, report: stream.report }
}

/**
 * The examples of `prepareExamples` one after another, for rows that do not fit into memory. Each pass reads the rows
 * anew; only the first one warns.
 * @throws MedAwareError as `prepareExamples`; what is about rows when they are gone through.
 */
export function streamExamples(
  tokenizer: ExampleTokenizer,
  dataset: Rows,
  options: PrepareOptions = {},
): ExampleStream {
  return openStream('streamExamples', tokenizer, dataset, options)
}

function openStream(who: string, tokenizer: ExampleTokenizer, rows: Rows, given: PrepareOptions): ExampleStream {
  const options = readPrepareOptions(who, given)
  const eos = endOf(who, readTokenizer(who, tokenizer))
  const dataset = datasetOf(who, rows)
  let tally = new PrepareTally()
  let isTold = false
  return {
    get report() {
      return tally.report
    },
    async *[Symbol.asyncIterator]() {
      const pass = (tally = new PrepareTally())
      const told = isTold ? { ...options, onWarning: () => undefined } : options
      const rows = encoded(who, tokenizer, dataset, told, pass)
      const whole = options.packing === true ? packed(rows, options, pass) : truncated(rows, options, pass)
      for await (const { seqLengths, ...row } of whole) {
        const example = exampleOf(tokenizer, eos.id, row, seqLengths)
        if (example === null) pass.addDropped()
        else {
          pass.addExample(eos.id, example)
          yield example
        }
      }
      if (!isTold) pass.warnings(who, options.most, eos.token).forEach((warning) => options.onWarning(warning))
      isTold = true
    },
  }
}

/** The rows as tokens. */
async function* encoded(
  who: string,
  tokenizer: ExampleTokenizer,
  dataset: Dataset,
  options: ResolvedPrepareOptions,
  tally: PrepareTally,
): AsyncGenerator<TokenizedRow> {
  let encoder: RowEncoder | null = null
  for await (const [row, index] of pacedRows(dataset, options)) {
    encoder ??= await rowEncoder(who, tokenizer, row, options)
    tally.addRow()
    yield encoder(row, index, (difference) => tally.addDifference(index, difference))
  }
}

/** Each row's tokens, as many as an example may have. */
async function* truncated(
  rows: AsyncIterable<TokenizedRow>,
  { most, truncationMode }: ResolvedPrepareOptions,
  tally: PrepareTally,
): AsyncGenerator<PackedRow> {
  for await (const { inputIds, labels } of rows) {
    const { length } = inputIds
    if (length > most) tally.addTruncated(length - most)
    const [begin, end] = truncationMode === 'keep_start' ? [0, most] : [Math.max(0, length - most), length]
    yield { inputIds: inputIds.slice(begin, end), labels: labels.slice(begin, end), seqLengths: null }
  }
}

/** Rows packed, as many at a time as TRL packs together. */
async function* packed(
  rows: AsyncIterable<TokenizedRow>,
  { most, packingStrategy }: ResolvedPrepareOptions,
  tally: PrepareTally,
): AsyncGenerator<PackedRow> {
  let some: TokenizedRow[] = []
  for await (const row of rows) {
    const beyond = row.inputIds.length - most
    if (packingStrategy === 'bfd' && beyond > 0) tally.addTruncated(beyond)
    some.push(row)
    if (some.length < rowsPackedTogether) continue
    yield* packRows(some, most, packingStrategy)
    some = []
  }
  yield* packRows(some, most, packingStrategy)
}
