import type { TokenizedRow } from './tokenized-row.ts'

/** How rows are packed. */
export type PackingStrategy = 'bfd' | 'bfd_split' | 'wrapped'

/** Rows packed into one. */
export interface PackedRow extends TokenizedRow {
  /** Tokens of each document in it; `null` where their borders are not heeded. */
  readonly seqLengths: readonly number[] | null
}

/** Tokens of a row that stay together. */
interface Piece {
  readonly row: TokenizedRow
  readonly begin: number
  readonly length: number
}

/** Rows that TRL packs together, those of one batch of `datasets`' map: bins are as good as full by then. */
export const rowsPackedTogether = 1000

/**
 * Packs rows into rows of at most `maxLength` tokens, as TRL 1.16's pack_dataset (data_utils.py):
 * - 'bfd' cuts each row to `maxLength` and puts it where it fits best, the longest first (best-fit decreasing;
 *   "Fewer Truncations Improve Language Modeling", 2404.10830)
 * - 'bfd_split' cuts longer rows into pieces, and loses nothing
 * - 'wrapped' puts all rows behind one another and cuts every `maxLength` tokens, without borders of documents
 */
export function packRows(rows: readonly TokenizedRow[], maxLength: number, strategy: PackingStrategy): PackedRow[] {
  if (strategy === 'wrapped') return wrap(rows, maxLength)
  const pieces = rows.flatMap((row) => piecesOf(row, maxLength, strategy))
  return fill(pieces, maxLength).map((bin) => ({ ...joined(bin), seqLengths: bin.map(({ length }) => length) }))
}

function piecesOf(row: TokenizedRow, maxLength: number, strategy: 'bfd' | 'bfd_split'): Piece[] {
  const { length } = row.inputIds
  const count = strategy === 'bfd' ? Math.min(1, length) : Math.ceil(length / maxLength)
  return Array.from({ length: count }, (_, i) => {
    return { row, begin: i * maxLength, length: Math.min(maxLength, length - i * maxLength) }
  })
}

/** Puts pieces into bins: the longest first, each where the least is left over, in the bin that is open longest. */
function fill(pieces: readonly Piece[], maxLength: number): Piece[][] {
  const bins: Piece[][] = []
  const bySpace = Array.from({ length: maxLength }, (): Piece[][] => [])
  for (const piece of pieces.toSorted((a, b) => b.length - a.length)) {
    let space = piece.length
    while (space < maxLength && bySpace[space]?.length === 0) space++
    const bin = bySpace[space]?.shift() ?? []
    if (bin.length === 0) bins.push(bin)
    bin.push(piece)
    bySpace[space - piece.length]?.push(bin)
  }
  return bins
}

function joined(pieces: readonly Piece[]): TokenizedRow {
  const total = pieces.reduce((sum, { length }) => sum + length, 0)
  const [inputIds, labels] = [new Int32Array(total), new Int32Array(total)]
  let at = 0
  for (const { row, begin, length } of pieces) {
    inputIds.set(row.inputIds.subarray(begin, begin + length), at)
    labels.set(row.labels.subarray(begin, begin + length), at)
    at += length
  }
  return { inputIds, labels }
}

function wrap(rows: readonly TokenizedRow[], maxLength: number): PackedRow[] {
  const { inputIds, labels } = joined(rows.map((row) => ({ row, begin: 0, length: row.inputIds.length })))
  return Array.from({ length: Math.ceil(inputIds.length / maxLength) }, (_, i) => {
    const [begin, end] = [i * maxLength, (i + 1) * maxLength]
    return { inputIds: inputIds.slice(begin, end), labels: labels.slice(begin, end), seqLengths: null }
  })
}
