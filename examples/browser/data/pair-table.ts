import type { Pair, RunData } from '../pairs.ts'
import { keyOf } from './key-of.ts'
import type { Reason } from './reasons.ts'

/** A row as it was read. */
export interface ReadRow extends Pair {
  /** Such as 'line 3'. */
  readonly where: string
  /** What pairs that belong together have alike, such as a disease; '' where only the question tells. */
  readonly topic: string
  /** Null where it is kept. */
  readonly reason: Reason | null
  /** What is wrong with it, in a sentence, where the reason's words do not say it. */
  readonly detail: string | null
}

/** What became of a file's rows. */
export interface FileCounts {
  readonly name: string
  readonly rows: number
  readonly kept: number
}

/** What became of all rows. */
export interface TableSummary {
  readonly files: readonly FileCounts[]
  readonly rows: number
  readonly kept: number
  readonly reasons: readonly (readonly [reason: Reason, rows: number])[]
}

/** A row to show: its texts are cut, as no table needs them whole. */
export interface ShownRow extends ReadRow {
  readonly file: string
}

/** Which rows to show: those that are kept, all others, or those left out for a reason. */
export type Show = 'kept' | 'dropped' | Reason

/** Questions below which nothing is held out: of so few a share says nothing. */
export const fewestToHoldOut = 20

/** Characters of a text that are shown. */
const shown = 400

/** All rows that were read, with what became of each. */
export class PairTable {
  readonly #files: { readonly name: string; rows: number; kept: number }[] = []
  readonly #rows: (ReadRow & { readonly file: string })[] = []
  /** Answers so far, by their questions. */
  readonly #seen = new Map<string, string[]>()
  /** Kept rows that the last run had no room for. */
  #tooLong: ReadonlySet<ReadRow> = new Set()

  /** Rows that are added from now on are this file's. */
  beginFile(name: string): void {
    this.#files.push({ name, rows: 0, kept: 0 })
  }

  /** Adds a row, and finds out whether it says what an earlier one did. */
  add(row: ReadRow): void {
    const file = this.#files.at(-1)
    if (file === undefined) throw new Error('a row comes before its file')
    const reason = row.reason ?? this.#reasonAgainst(row)
    file.rows++
    if (reason === null) file.kept++
    this.#rows.push({ ...row, reason, file: file.name })
  }

  get summary(): TableSummary {
    const counts = new Map<Reason, number>()
    for (const { reason } of this.#rows) if (reason !== null) counts.set(reason, (counts.get(reason) ?? 0) + 1)
    if (this.#tooLong.size > 0) counts.set('too-long', this.#tooLong.size)
    const rows = this.#rows.length
    const dropped = [...counts.values()].reduce((sum, count) => sum + count, 0)
    return {
      files: this.#files.map((file) => ({ ...file, kept: file.kept - this.#tooLongIn(file.name) })),
      ...{ rows, kept: rows - dropped },
      reasons: [...counts].sort(([, a], [, b]) => b - a),
    }
  }

  /** The first row that cannot be read, with its file's name; null for none. */
  get firstUnreadable(): (ReadRow & { readonly file: string }) | null {
    return this.#rows.find(({ reason }) => reason === 'unreadable') ?? null
  }

  /** Some of the rows, in the order of the files, with their number. */
  page(show: Show, from: number, count: number): { rows: ShownRow[]; total: number } {
    const all = this.#rows.filter((row) => {
      const reason = this.#tooLong.has(row) ? 'too-long' : row.reason
      return show === 'kept' ? reason === null : show === 'dropped' ? reason !== null : reason === show
    })
    const cut = (text: string) => (text.length > shown ? `${text.slice(0, shown)}…` : text)
    const rows = all.slice(from, from + count).map((row) => ({
      ...row,
      ...{ question: cut(row.question), answer: cut(row.answer) },
      ...(this.#tooLong.has(row) && { reason: 'too-long' as const }),
    }))
    return { rows, total: all.length }
  }

  /**
   * The kept pairs in two parts; those of one topic, or else of one question, are in one.
   * @param share Of the topics that are held out, about. Below `fewestToHoldOut` of them none is.
   */
  async split(share: number, seed: number): Promise<RunData> {
    const kept = this.#rows.filter(({ reason }) => reason === null)
    const isEnough = new Set(kept.map(topicOf)).size >= fewestToHoldOut
    if (share === 0 || !isEnough) return { train: kept.map(pairOf), heldOut: [] }
    const { splitDataset } = await import('./library-rows.ts')
    const { train, test } = splitDataset<SplitRow>(
      kept.map((row) => ({ row })),
      { by: ({ row }) => topicOf(row), fraction: share, seed },
    )
    return { train: await pairsOf(train), heldOut: await pairsOf(test) }
  }

  /** Says of which pairs nothing was left to learn in a run; of none by ''. @param keys As `keyOf` gives them. */
  setTooLong(keys: readonly string[]): void {
    const wanted = new Set(keys)
    const isKept = ({ reason }: ReadRow) => reason === null
    this.#tooLong = new Set(wanted.size === 0 ? [] : this.#rows.filter((row) => isKept(row) && wanted.has(keyOf(row))))
  }

  #reasonAgainst({ question, answer }: Pair): Reason | null {
    if (question === '') return 'no-question'
    if (answer === '') return 'no-answer'
    const answers = this.#seen.get(question)
    if (answers?.includes(answer)) return 'duplicate'
    if (answers) answers.push(answer)
    else this.#seen.set(question, [answer])
    return null
  }

  #tooLongIn(file: string): number {
    return [...this.#tooLong].filter((row) => 'file' in row && row.file === file).length
  }
}

interface SplitRow {
  readonly row: ReadRow
  readonly [column: string]: unknown
}

const pairOf = ({ question, answer }: Pair): Pair => ({ question, answer })

const topicOf = ({ topic, question }: ReadRow): string =>
  (topic === '' ? question : topic).normalize('NFKC').toLowerCase().replace(/\s+/g, ' ').trim()

async function pairsOf(rows: AsyncIterable<SplitRow>): Promise<Pair[]> {
  const pairs: Pair[] = []
  for await (const { row } of rows) pairs.push(pairOf(row))
  return pairs
}
