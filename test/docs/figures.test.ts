import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { answerChecker } from '../../src/evaluate/check/check-answer.ts'
import { Random } from '../../src/core/random.ts'
import { dequantizeFourBit, quantizeFourBit } from '../../src/quant/four-bit.ts'
import { wilson } from '../../src/evaluate/scores/proportion.ts'
import { DryDevice } from '../../src/device/dry-device.ts'
import { dryWeights } from '../../src/io/plan/dry-weights.ts'
import { createModel, modelWeights, parseModelConfig } from '../../src/models/architectures.ts'
import { attachUnstarted } from '../../src/peft/attach.ts'
import { answerCases, countCases } from '../evaluate/check/answer-cases.ts'
import known from '../fixtures/medquad/audit-counts.json'
import { falconRw1b } from '../peft/falcon-rw-1b.ts'

const docs = path.join(import.meta.dirname, '../../docs')
const pageOf = (name: string) => readFileSync(path.join(docs, name), 'utf8')

/** The rows of a page's tables by their first cell, in the page's words; of rows with one name the last. */
function rowsOf(name: string): ReadonlyMap<string, readonly string[]> {
  const rows = new Map<string, readonly string[]>()
  for (const line of pageOf(name).split('\n')) {
    if (!line.startsWith('|') || /^[|\s:-]+$/.test(line)) continue
    const [first = '', ...rest] = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim())
    rows.set(first, rest)
  }
  return rows
}

const number = (cell = '') => Number(cell.replaceAll(',', ''))
const share = (part: number, whole: number) => `${((100 * part) / whole).toFixed(1)}%`

describe('results/figures.md', () => {
  it('names every page that tells of a machine and of no commit', () => {
    const page = pageOf('results/figures.md')
    const pages = readdirSync(docs, { recursive: true, encoding: 'utf8' }).map((name) => name.replaceAll('\\', '/'))
    const isWritten = (name: string) => name.endsWith('.md') && !name.startsWith('reference/api/')
    const others = pages.filter((name) => isWritten(name) && name !== 'results/figures.md')
    const isMeasured = (name: string) => /EPYC|Xeon|llvmpipe|x86 cores|two cores/.test(pageOf(name))
    const isNamed = (name: string) =>
      page.includes(`(${path.posix.relative('results', name)})`) || /\bcommit\b/.test(pageOf(name))
    expect(others.filter((name) => isMeasured(name) && !isNamed(name))).toEqual([])
  })
})

describe('results/data.md has the counts of a script that shares no code with the audit', () => {
  const rows = rowsOf('results/data.md')

  it('of each collection and type of question', () => {
    const [pairs, answered] = [
      new Map(Object.entries(known.pairsByCollection)),
      new Map(Object.entries(known.answeredByCollection)),
    ]
    expect([...pairs.keys()].filter((name) => !rows.has(name))).toEqual([])
    for (const [name, count] of pairs) {
      expect([name, ...(rows.get(name) ?? []).slice(0, 2).map(number)]).toEqual([name, count, answered.get(name) ?? 0])
    }
    for (const [name, count] of Object.entries(known.answeredByType)) {
      expect([name, number(rows.get(name)?.[1])]).toEqual([name, count])
    }
  })

  it('of what is there twice', () => {
    const lines = {
      'the same question': known.questions,
      'the same question, case and punctuation aside': known.foldedQuestions,
      'the same answer': known.answers,
      'the same answer, case and punctuation aside': known.foldedAnswers,
      'the same question and answer': known.rows,
    }
    for (const [name, { distinct, extra, groups, rows: inGroups, largest }] of Object.entries(lines)) {
      expect([name, ...(rows.get(name) ?? []).map(number)]).toEqual([name, distinct, extra, groups, inGroups, largest])
    }
  })

  it('of sentences that several answers have', () => {
    for (const [least, characters] of Object.entries(known.charactersInSharedSentences)) {
      expect(rows.get(`${least} answers or more`)).toEqual([
        characters.toLocaleString('en-US'),
        share(characters, known.characters),
      ])
    }
  })
})

describe('guides/evaluate.md', () => {
  it('says how the checker does now on the cases that were blind, without lists of names', async () => {
    const counts = countCases(await answerCases('blind'), answerChecker())
    const [found, missed, wrong] = [counts.found.length, counts.missed.length, counts.wrong.length]
    const of = (hits: number, n: number) => {
      const { low, high } = wilson(hits, n)
      return `${(hits / n).toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`
    }
    const made = [of(found, found + wrong), of(found, found + missed)]
    expect(rowsOf('guides/evaluate.md').get('all')?.slice(0, 2)).toEqual(made)
  })
})

describe('guides/choose-a-method.md', () => {
  it('says what rounding a merged NF4 weight to NF4 again loses of a small update', () => {
    const [size, rank] = [1024, 16]
    const random = new Random(1)
    const normals = (count: number) => Float32Array.from({ length: count }, () => random.normal())
    const weight = normals(size * size).map((value) => 0.02 * value)
    const [a, b] = [normals(rank * size), normals(size * rank)]
    const update = new Float32Array(size * size)
    for (const [place, value] of b.entries()) {
      const [row, column] = [Math.floor(place / rank) * size, (place % rank) * size]
      for (let i = 0; i < size; i++) update[row + i] = (update[row + i] ?? 0) + (value / 4) * (a[column + i] ?? 0)
    }
    const options = { type: 'nf4', count: size * size } as const
    const [before, valuesOf] = [quantizeFourBit(weight, { type: 'nf4' }), dequantizeFourBit]
    const was = valuesOf({ ...before, ...options })
    const percents = (cells: readonly string[] | undefined) => cells?.map((cell) => Number.parseFloat(cell))
    for (const [share, digits] of [
      ['0.5%', 0],
      ['1.5%', 0],
      ['5%', 1],
      ['15%', 0],
    ] as const) {
      const wanted = update.map((value) => value * 0.02 * (Number.parseFloat(share) / 100))
      const after = quantizeFourBit(
        was.map((value, i) => value + (wanted[i] ?? NaN)),
        { type: 'nf4' },
      )
      const is = valuesOf({ ...after, ...options })
      let [changed, dot, square] = [0, 0, 0]
      for (const [i, code] of before.codes.entries()) {
        const difference = code ^ (after.codes[i] ?? 0)
        changed += +((difference & 15) > 0) + +(difference >> 4 > 0)
      }
      for (const [i, want] of wanted.entries()) {
        dot += ((is[i] ?? NaN) - (was[i] ?? NaN)) * want
        square += want * want
      }
      const made = [Number(((100 * changed) / options.count).toFixed(digits)), Math.round((100 * dot) / square)]
      expect([share, percents(rowsOf('guides/choose-a-method.md').get(share))]).toEqual([share, made])
    }
  })
})

describe('results/falcon-1b.md', () => {
  it('counts the parameters of Falcon-RW-1B as the library does', () => {
    const config = parseModelConfig(falconRw1b)
    const weights = modelWeights(config)
    const device = new DryDevice('cpu')
    const model = createModel(config, dryWeights(device, weights, { dtype: 'f32', quantize: false }))
    const adapter = attachUnstarted(model, { r: 16 }, 'figures')
    const trainable = [...adapter.namedTrainableParameters().values()].reduce((sum, { count }) => sum + count, 0)
    const rows = rowsOf('results/falcon-1b.md')
    const [all, packed] = [
      number(rows.get('parameters')?.[0]),
      number(rows.get('the same with two 4-bit ones counted as one')?.[0]),
    ]
    const sizes = weights.map(({ shape }) => shape.reduce((product, size) => product * size, 1))
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(all)
    expect(number(rows.get('trainable, r = 16 on `query_key_value`')?.[0])).toBe(trainable)
    const percent = (whole: number) => `${((100 * trainable) / (whole + trainable)).toFixed(4)}%`
    expect(rows.get('their share of all, adapter included')).toEqual([`${percent(all)}, packed ${percent(packed)}`])
    // 24 layers of [6144, 2048], [2048, 2048], [8192, 2048] and [2048, 8192] are stored in 4 bits.
    expect(packed).toBe(all - (24 * 2048 * (6144 + 2048 + 8192 + 8192)) / 2)
  })
})
