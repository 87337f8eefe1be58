import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type PackingStrategy, packRows, rowsPackedTogether } from '../../src/data/pack-rows.ts'
import { prepareExamples } from '../../src/data/prepare-examples.ts'
import { cases, optionsOf, tokenizers } from './trl-cases.ts'

/** Documents that meet in a row: [document, its first token, tokens]. */
type Span = [number, number, number]

/** What TRL's pack_dataset makes of documents of some lengths. */
interface Bins {
  readonly maxLength: number
  readonly lengths: number[]
  readonly strategy: PackingStrategy
  /** All rows, or their number where just their first documents are written down. */
  readonly rows: Span[][] | number
  readonly firsts?: Span[]
}

const path = join(import.meta.dirname, '../fixtures/trl-data.json')
const { bins } = JSON.parse(readFileSync(path, 'utf8')) as { bins: Bins[] }

/** The rows that documents are packed into; token j of document i is 100000 i + j. */
function pack({ lengths, maxLength, strategy }: Bins): Span[][] {
  const rows = lengths.map((length, i) => {
    const inputIds = Int32Array.from({ length }, (_, j) => 100_000 * i + j)
    return { inputIds, labels: inputIds.slice() }
  })
  // As `prepareExamples` does.
  const parts = Array.from({ length: Math.ceil(rows.length / rowsPackedTogether) }, (_, i) => {
    return rows.slice(i * rowsPackedTogether, (i + 1) * rowsPackedTogether)
  })
  return parts
    .flatMap((part) => packRows(part, maxLength, strategy))
    .map(({ inputIds, labels, seqLengths }) => {
      expect(labels).toEqual(inputIds)
      let at = 0
      return (seqLengths ?? [inputIds.length]).map((length): Span => {
        const first = inputIds[at] ?? -1
        at += length
        return [Math.floor(first / 100_000), first % 100_000, length]
      })
    })
}

describe('packRows', () => {
  it.each(bins)("fills the bins of TRL's pack_dataset: $strategy, $maxLength tokens", (given) => {
    const rows = pack(given)
    if (typeof given.rows === 'number') {
      expect(rows).toHaveLength(given.rows)
      expect(rows.map(([first]) => first)).toEqual(given.firsts)
    } else {
      expect(rows).toEqual(given.rows)
    }
  })
})

describe('prepareExamples with packing', () => {
  const packed = cases.filter(({ options }) => options['packing'] === true)

  it.each(packed)("equals TRL's SFTTrainer: $name", async (given) => {
    const { examples, report } = await prepareExamples(tokenizers[given.tokenizer], given.rows, optionsOf(given))
    expect(examples.map(({ inputIds }) => [...inputIds])).toEqual(given.made.map(({ ids }) => ids))
    expect(examples.map(({ seqLengths }) => seqLengths)).toEqual(given.made.map(({ seqLengths }) => seqLengths))
    // TRL masks first tokens of documents when it collates.
    const labels = given.made.map(({ labels, seqLengths = [] }) => {
      const firsts = seqLengths.map((_, i) => seqLengths.slice(0, i).reduce((sum, length) => sum + length, 0))
      return labels.map((label, i) => (firsts.includes(i) ? -100 : label))
    })
    expect(examples.map((example) => [...example.labels])).toEqual(labels)
    expect(report).toMatchObject({ rows: given.rows.length, examples: given.made.length, dropped: 0 })
  })

  it('leaves out rows in which nothing is learned, and needs a length', async () => {
    const rows = [{ prompt: 'symptoms '.repeat(9), completion: 'a' }]
    const options = { packing: true, maxLength: 4 }
    expect(await prepareExamples(tokenizers.bytes, rows, options)).toMatchObject({
      examples: [],
      report: { dropped: 1, truncated: 1 },
    })
    const split = await prepareExamples(tokenizers.bytes, rows, { ...options, packingStrategy: 'bfd_split' })
    expect(split.report).toMatchObject({ truncated: 0, examples: 1 })
    await expect(prepareExamples(tokenizers.bytes, rows, { packing: true, maxLength: null })).rejects.toThrow(
      'prepareExamples: packing needs a maxLength, got null',
    )
  })
})
