import {
  abortSignal,
  type Aliases,
  callback,
  flag,
  oneOf,
  type OptionRules,
  orNull,
  readOptions,
  recordOf,
  text,
  whole,
} from '../core/options.ts'
import { check } from '../core/errors.ts'
import { layouts } from './columns.ts'
import { checkColumns } from './layouts.ts'
import type { PackingStrategy } from './pack-rows.ts'

/** How far the preparing of a data set has come. */
export interface PrepareProgress {
  /** Rows that were read. */
  readonly rows: number
  /** Rows in all; `null` where that is not known. */
  readonly total: number | null
  readonly rowsPerSecond: number
  /** `null` where the number of rows is not known. */
  readonly secondsLeft: number | null
}

/** How rows become examples. Names and defaults are those of TRL 1.16's SFTConfig. */
export interface PrepareOptions {
  /** Tokens of an example; what is beyond is cut off. `null` for any number. Default 1024. */
  readonly maxLength?: number | null
  /** Which tokens are kept of what is too long. Default 'keep_start'. */
  readonly truncationMode?: 'keep_start' | 'keep_end'
  /** Whether prompts are masked. Default: where rows have prompts. */
  readonly completionOnlyLoss?: boolean
  /**
   * Whether of conversations just the assistant's own text is learned. The chat template must tell it apart by
   * `{% generation %}`, or be one that TRL has a variant of which does. Default false.
   */
  readonly assistantOnlyLoss?: boolean
  /** A chat template, or the name of one of the tokenizer's. Default: the tokenizer's own. */
  readonly chatTemplate?: string
  /** Packs rows into rows of `maxLength` tokens, in which none sees another. Default false. */
  readonly packing?: boolean
  /**
   * 'bfd' puts rows where they fit best and cuts longer ones; 'bfd_split' packs what it cuts off too; 'wrapped' ignores
   * where rows end, so that they do see one another. Default 'bfd'.
   */
  readonly packingStrategy?: PackingStrategy
  /** Column of plain texts. Default 'text'. */
  readonly datasetTextField?: string
  /** The data set's names of columns, by ours: `{ prompt: 'frage', completion: 'antwort' }`. Default: the same. */
  readonly columns?: Readonly<Record<string, string>>
  /** Told what was cut off, left out or odd, once for all rows, with their number. Default: nobody. */
  readonly onWarning?: (message: string) => void
  /** Called about four times a second, and at the end of each pass. */
  readonly onProgress?: (progress: PrepareProgress) => void
  /** Ends preparing with its reason. */
  readonly signal?: AbortSignal
}

/** A rule for each of them. */
export const prepareRules: OptionRules<PrepareOptions> = {
  maxLength: orNull(whole({ from: 1 })),
  truncationMode: oneOf(['keep_start', 'keep_end']),
  completionOnlyLoss: flag,
  assistantOnlyLoss: flag,
  chatTemplate: text,
  packing: flag,
  packingStrategy: oneOf(['bfd', 'bfd_split', 'wrapped'], { 'bfd-requeue': 'bfd_split' }),
  datasetTextField: text,
  columns: recordOf(text),
  onWarning: callback(),
  onProgress: callback(),
  signal: abortSignal,
}

/** What others call them. */
export const prepareAliases: Aliases<PrepareOptions> = { maxSeqLength: 'maxLength', textColumn: 'datasetTextField' }

/** Options with their defaults; what has none is missing. */
export type ResolvedPrepareOptions = PrepareOptions &
  Required<
    Pick<PrepareOptions, 'truncationMode' | 'packingStrategy' | 'datasetTextField' | 'columns' | 'onWarning'>
  > & {
    /** Tokens; Infinity for any number. */
    readonly most: number
  }

/** @throws MedAwareError `config` for what makes no sense. */
export function readPrepareOptions(who: string, options: PrepareOptions | undefined): ResolvedPrepareOptions {
  const { maxLength = 1024, columns = {}, ...rest } = readOptions(who, options, prepareRules, prepareAliases)
  check(rest.packing !== true || maxLength !== null, 'config', () => `${who}: packing needs a maxLength, got null`)
  checkColumns(layouts, who, columns)
  return {
    truncationMode: 'keep_start',
    packingStrategy: 'bfd',
    datasetTextField: 'text',
    onWarning: () => undefined,
    ...rest,
    columns,
    most: maxLength ?? Infinity,
  }
}
