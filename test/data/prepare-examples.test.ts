import { describe, expect, it } from 'vitest'
import type { Row } from '../../src/data/dataset.ts'
import { prepareExamples, streamExamples } from '../../src/data/prepare-examples.ts'
import type { PrepareOptions, PrepareProgress } from '../../src/data/prepare-options.ts'
import { cases, optionsOf, tokenizers } from './trl-cases.ts'

const { bytes } = tokenizers
const prepare = (rows: Row[], options: PrepareOptions = {}) => prepareExamples(bytes, rows, options)

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const item of items) list.push(item)
  return list
}

describe('prepareExamples', () => {
  const plain = cases.filter(({ options }) => options['packing'] !== true)

  it.each(plain)("equals TRL's SFTTrainer: $name", async (given) => {
    const { tokenizer, rows, made } = given
    const { examples, report } = await prepareExamples(tokenizers[tokenizer], rows, optionsOf(given))
    expect(examples.map(({ inputIds }) => [...inputIds])).toEqual(made.map(({ ids }) => ids))
    expect(examples.map(({ labels }) => [...labels])).toEqual(made.map(({ labels }) => labels))
    expect(report.rows).toBe(rows.length)
    expect(report.dropped).toBe(rows.length - made.length)
    expect(report.tokens).toBe(made.reduce((sum, { ids }) => sum + ids.length, 0))
  })

  it('knows questions and answers, and columns of other names', async () => {
    const wanted = await prepare([{ prompt: 'Question: symptoms?\nAnswer:', completion: ' thirst' }])
    expect((await prepare([{ question: 'symptoms?', answer: 'thirst' }])).examples).toEqual(wanted.examples)
    const [frage, antwort] = ['Question: symptoms?\nAnswer:', ' thirst']
    const columns = { prompt: 'frage', completion: 'antwort' }
    // What `columns` names is meant, whatever else there is.
    expect((await prepare([{ text: 'a', frage, antwort }], { columns })).examples).toEqual(wanted.examples)
  })

  it('takes rows that are tokens already', async () => {
    const { examples } = await prepare([{ input_ids: [5n, 6n, 7n], labels: [-100, 6, 7] }])
    expect(examples).toMatchObject([{ inputIds: Int32Array.of(5, 6, 7), labels: Int32Array.of(-100, 6, 7) }])
    expect((await prepare([{ input_ids: [5, 6] }])).examples).toMatchObject([{ labels: Int32Array.of(5, 6) }])
    await expect(prepare([{ input_ids: [5, 'a'] }])).rejects.toThrow('column "input_ids" must be a list of ids')
    await expect(prepare([{ input_ids: [5], labels: [] }])).rejects.toThrow('row 0: has 1 input_ids and 0 labels')
  })

  it('says which columns there are, and which row has another', async () => {
    await expect(prepare([{ instruction: 'a', output: 'b' }])).rejects.toThrow(
      'prepareExamples: row 0 has the columns instruction, output; wanted are input_ids, or prompt and completion, or messages, or conversations, or text, or question and answer',
    )
    await expect(prepare([{ text: 'a' }, { body: 'b' }])).rejects.toThrow(
      'prepareExamples: row 1: column "text" is missing; the row has body',
    )
    await expect(prepare([{ text: 'a' }, { text: 3 }])).rejects.toThrow('row 1: column "text" must be a text, got 3')
    await expect(prepare([{ a: 'a' }], { columns: { text: 'b' } })).rejects.toThrow('there is no column b; row 0 has a')
    await expect(prepare([{ a: 'a' }], { columns: { texts: 'a' } })).rejects.toThrow('columns: there is no texts; ')
    await expect(prepareExamples(bytes, [3] as unknown as Row[])).rejects.toThrow('row 0 must be an object of columns')
    await expect(prepareExamples(bytes, 3 as unknown as Row[])).rejects.toThrow('rows must be a list')
  })

  it('counts what it cuts and leaves out, and warns once of each', async () => {
    const warnings: string[] = []
    const long = 'symptoms '.repeat(20)
    const rows = [
      { prompt: 'a', completion: ' b' },
      { prompt: long, completion: 'b' },
      { prompt: 'a', completion: long },
      { prompt: 'thir', completion: 'st' },
      { prompt: 'symptom', completion: 's' },
    ]
    const { examples, report } = await prepare(rows, { maxLength: 20, onWarning: (message) => warnings.push(message) })
    expect(report).toMatchObject({ rows: 5, dropped: 1, truncated: 2, examples: 4 })
    expect(report.labels).toBe(
      examples.reduce((sum, { labels }) => sum + labels.filter((label) => label >= 0).length, 0),
    )
    expect(warnings).toEqual([
      expect.stringMatching(
        /^prepareExamples: in 1 of 5 rows, first in row 4, the prompt "symptom" has other tokens alone/,
      ),
      expect.stringMatching(
        /^prepareExamples: 2 of 5 rows are longer than maxLength 20 and were cut, by \d+ tokens in all/,
      ),
      'prepareExamples: 1 of 5 rows were left out, nothing in their first tokens is to be learned',
    ])
  })

  it('warns where EOS is a label nowhere', async () => {
    const warnings: string[] = []
    await prepare([{ text: 'symptoms of diabetes' }], { maxLength: 3, onWarning: (message) => warnings.push(message) })
    expect(warnings.at(-1)).toContain('EOS, "<|endoftext|>", is a label nowhere, so a model will not learn to stop')
  })

  it('tells how far it is, and ends when it is told to', async () => {
    const seen: PrepareProgress[] = []
    await prepare(Array<Row>(10).fill({ text: 'a' }), { onProgress: (progress) => seen.push(progress) })
    expect(seen.at(-1)).toMatchObject({ rows: 10, total: 10, secondsLeft: 0 })
    expect(seen.at(-1)?.rowsPerSecond).toBeGreaterThan(0)
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(prepare([{ text: 'a' }], { signal })).rejects.toThrow('enough')
  })

  it('refuses a tokenizer without an end, and options that there are not', async () => {
    await expect(prepareExamples({ ...bytes, eosTokenId: null }, [])).rejects.toThrow('the tokenizer has no EOS token')
    await expect(prepare([], { max_length: 3 } as PrepareOptions)).rejects.toThrow('did you mean maxLength?')
    await expect(prepare([], { maxLength: 0 })).rejects.toThrow(
      'maxLength must be a whole number from 1 or null, got 0',
    )
  })
})

describe('streamExamples', () => {
  it('gives the same examples in each pass, and warns in the first', async () => {
    const warnings: string[] = []
    let passes = 0
    const rows = async function* () {
      passes++
      yield { text: 'symptoms of diabetes' }
      yield { text: 'a' }
    }
    const stream = streamExamples(bytes, rows, { maxLength: 3, onWarning: (message) => warnings.push(message) })
    const [first, second] = [await all(stream), await all(stream)]
    expect(second).toEqual(first)
    expect([passes, warnings.length, stream.report.rows]).toEqual([2, 1, 2])
  })

  it('refuses to go through a generator twice', async () => {
    const rows = (function* () {
      yield { text: 'a' }
    })()
    const stream = streamExamples(bytes, rows)
    expect(await all(stream)).toHaveLength(1)
    await expect(all(stream)).rejects.toThrow('give a function that opens them, () => rows()')
  })
})
