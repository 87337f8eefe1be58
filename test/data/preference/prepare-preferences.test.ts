import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { collatePreferences } from '../../../src/data/preference/preference-example.ts'
import { preparePreferences } from '../../../src/data/preference/prepare-preferences.ts'
import { optionsOf, tokenizers, type TrlCase } from '../trl-cases.ts'

interface Tokens {
  readonly ids: number[]
  readonly labels: number[]
}

/** What TRL's trainer made of some rows, pair by pair and all side by side. */
type PreferenceCase = Omit<TrlCase, 'made'> & {
  readonly made: { readonly chosen: Tokens; readonly rejected: Tokens }[]
  readonly batch: Tokens[]
}

const path = join(import.meta.dirname, '../../fixtures/trl-preferences.json')
const cases = JSON.parse(readFileSync(path, 'utf8')) as PreferenceCase[]
const { bytes } = tokenizers
const prepared = ({ tokenizer, rows, ...options }: PreferenceCase) => {
  return preparePreferences(tokenizers[tokenizer], rows, optionsOf(options))
}

describe('preparePreferences', () => {
  it.each(cases)("makes TRL's pairs: $name", async (given) => {
    const { examples, report } = await prepared(given)
    const tokensOf = ({ inputIds, labels }: { inputIds: Int32Array; labels: Int32Array }) => {
      return { ids: [...inputIds], labels: [...labels] }
    }
    const made = examples.map(({ chosen, rejected }) => ({ chosen: tokensOf(chosen), rejected: tokensOf(rejected) }))
    expect(made).toEqual(given.made)
    expect(report).toMatchObject({ rows: given.rows.length, dropped: given.rows.length - made.length })
  })

  it.each(cases)("puts all chosen rows before the rejected ones, as TRL's collator: $name", async (given) => {
    const { inputIds, labels, shape } = collatePreferences((await prepared(given)).examples)
    const [rows, tokens] = shape
    expect(rows).toBe(given.batch.length)
    expect(tokens).toBe(Math.max(...given.batch.map(({ ids }) => ids.length)))
    for (const [row, wanted] of given.batch.entries()) {
      const [begin, end] = [row * tokens, row * tokens + wanted.ids.length]
      expect([...inputIds.slice(begin, end)]).toEqual(wanted.ids)
      expect([...labels.slice(begin, (row + 1) * tokens)]).toEqual([
        ...wanted.labels,
        ...Array.from({ length: tokens - wanted.labels.length }, () => -100),
      ])
    }
  })

  it('tells once what was cut, left out, or the same', async () => {
    const warnings: string[] = []
    const rows = [
      { prompt: 'a', chosen: ' b', rejected: ' b' },
      { prompt: 'a long prompt, much too long', chosen: ' b', rejected: ' c' },
      { prompt: 'a', chosen: ' is a letter of some length', rejected: ' c' },
    ]
    const { report } = await preparePreferences(bytes, rows, {
      maxLength: 10,
      onWarning: (text) => warnings.push(text),
    })
    expect(report).toMatchObject({ rows: 3, dropped: 1, truncated: 1, examples: 2 })
    expect(warnings).toEqual([
      expect.stringMatching(/^preparePreferences: 1 of 3 rows are longer than maxLength 10 and were cut/),
      expect.stringMatching(/^preparePreferences: 1 of 3 rows were left out/),
      'preparePreferences: in 1 of 2 pairs, first of row 0, chosen and rejected are the same tokens, so nothing is preferred',
    ])
  })

  it('tells which row has an answer without anything to learn', async () => {
    const warnings: string[] = []
    const turn = (role: string, content: string) => ({ role, content })
    const prompt = [turn('user', 'a')]
    const rows = [
      { prompt, chosen: [turn('assistant', 'b')], rejected: [turn('assistant', 'c')] },
      { prompt, chosen: [turn('assistant', 'b')], rejected: [] },
    ]
    const chatTemplate = '{% for message in messages %}{{ message.role + message.content }}{% endfor %}'
    await preparePreferences(bytes, rows, { chatTemplate, onWarning: (text) => warnings.push(text) })
    expect(warnings).toContain(
      'preparePreferences: in 1 of 2 pairs, first of row 1, an answer has no token to learn, ' +
        'so its reward is 0 whatever is learned',
    )
  })

  it('finds the prompt whatever order keys have, and beside keys that hold nothing', async () => {
    const chatTemplate = '{% for message in messages %}{{ message.role + message.content }}{% endfor %}'
    const [user, good, bad] = ['q', 'b', 'c'].map((content, i) => ({ role: i === 0 ? 'user' : 'assistant', content }))
    const turned = { tool_calls: null, content: 'q', role: 'user' }
    const asTurned = await preparePreferences(bytes, [{ chosen: [user, good], rejected: [turned, bad] }], {
      chatTemplate,
    })
    const asGiven = await preparePreferences(bytes, [{ prompt: [user], chosen: [good], rejected: [bad] }], {
      chatTemplate,
    })
    expect(asTurned).toEqual(asGiven)
  })

  it('takes columns by other names', async () => {
    const columns = { prompt: 'frage', chosen: 'gut', rejected: 'schlecht' }
    const { examples } = await preparePreferences(bytes, [{ frage: 'a', gut: ' b', schlecht: ' c' }], { columns })
    expect(examples).toEqual(
      (await preparePreferences(bytes, [{ prompt: 'a', chosen: ' b', rejected: ' c' }])).examples,
    )
  })

  it.each<[string, Record<string, unknown>[], object?]>([
    [
      'row 0 has the columns prompt, completion; wanted are prompt and chosen and rejected, or chosen and rejected',
      [{ prompt: 'a', completion: 'b' }],
    ],
    [
      'row 1: column "rejected" is missing',
      [
        { prompt: 'a', chosen: 'b', rejected: 'c' },
        { prompt: 'a', chosen: 'b' },
      ],
    ],
    ['row 0: column "chosen" must be a text, got 3', [{ prompt: 'a', chosen: 3, rejected: 'c' }]],
    [
      'row 0: column "rejected" must be a list of messages',
      [{ prompt: [{ role: 'user', content: 'a' }], chosen: [], rejected: 'c' }],
      { chatTemplate: '{{ messages }}' },
    ],
    [
      'row 1: holds messages, and the first row does not',
      [
        { prompt: 'a', chosen: 'b', rejected: 'c' },
        { prompt: [{ role: 'user', content: 'a' }], chosen: [], rejected: [] },
      ],
    ],
    [
      'row 0: column "prompt" is a text, and "chosen" a conversation; give a list of messages { role, content }, or leave',
      [{ prompt: 'a', chosen: [{ role: 'user', content: 'a' }], rejected: [{ role: 'user', content: 'a' }] }],
    ],
    [
      'row 0: column "chosen" begins with no message that "rejected" begins with; give a "prompt"',
      [{ chosen: [{ role: 'assistant', content: 'a' }], rejected: [{ role: 'assistant', content: 'b' }] }],
      { chatTemplate: '{{ messages }}' },
    ],
    ['the tokenizer has no chat template', [{ prompt: [{ role: 'user', content: 'a' }], chosen: [], rejected: [] }]],
    ['there is no option "packing"', [], { packing: true }],
    ['columns: there is no completion; those that can be named are', [], { columns: { completion: 'a' } }],
  ])('refuses: %s', async (message, rows, options) => {
    await expect(preparePreferences(bytes, rows, options)).rejects.toThrow(message)
  })

  it('puts no other than pairs side by side', () => {
    const row = { inputIds: Int32Array.of(1), labels: Int32Array.of(1) }
    const long = { inputIds: Int32Array.of(1, 2), labels: Int32Array.of(1) }
    const refused: [unknown, string][] = [
      [undefined, 'examples must be a list of { chosen, rejected }, as preparePreferences gives, got undefined'],
      [[], 'there is no pair'],
      [
        [{ chosen: row, rejected: row }, { chosen: row }],
        'pair 1 must be { chosen, rejected }, as preparePreferences gives, got { chosen: {…} }',
      ],
      [[{ chosen: row, rejected: long }], 'rejected: example 0 has 2 ids and 1 labels'],
    ]
    for (const [given, message] of refused) {
      expect(() => collatePreferences(given as never)).toThrow(`collatePreferences: ${message}`)
    }
  })
})
