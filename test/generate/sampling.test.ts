import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Random } from '../../src/core/random.ts'
import { argmax, chooseToken, drawToken, processLogits, type Sampling } from '../../src/generate/sampling.ts'

interface Case {
  options: { do_sample: boolean; temperature: number; top_k: number; top_p: number; repetition_penalty: number }
  seen: number[]
  logits: (number | null)[]
  scores: (number | null)[]
  probabilities: number[]
}

const fixture = join(import.meta.dirname, '../fixtures/generate/sampling.json')
const { cases } = JSON.parse(readFileSync(fixture, 'utf8')) as { cases: Case[] }

const row = (values: readonly (number | null)[]) => Float32Array.from(values, (value) => value ?? -Infinity)

const samplingOf = ({ options }: Case) => ({
  doSample: options.do_sample,
  temperature: options.temperature,
  topK: options.top_k,
  topP: options.top_p,
  repetitionPenalty: options.repetition_penalty,
})

/** What transformers takes where nobody says otherwise, but for `given`. */
const sampling = (given: Partial<Sampling>): Sampling => ({
  doSample: false,
  temperature: 1,
  topK: 50,
  topP: 1,
  repetitionPenalty: 1,
  ...given,
})

describe('logits processors', () => {
  it.each(cases.map((one) => [JSON.stringify(one.options), one] as const))('equal transformers for %s', (_, one) => {
    const logits = row(one.logits)
    processLogits(logits, new Set(one.seen), samplingOf(one))
    const expected = row(one.scores)
    for (const [id, score] of expected.entries()) {
      if (score === -Infinity) expect(logits[id]).toBe(-Infinity)
      else expect(Math.abs((logits[id] ?? NaN) - score)).toBeLessThanOrEqual(1e-6 * Math.abs(score))
    }
  })

  it.each(cases.map((one) => [JSON.stringify(one.options), one] as const))(
    'draw with transformers’ probabilities for %s',
    (_, one) => {
      const draws = 20_000
      const random = new Random(7)
      const scores = row(one.scores)
      const counts = new Array<number>(scores.length).fill(0)
      for (let i = 0; i < draws; i++) {
        const id = drawToken(scores, random)
        counts[id] = (counts[id] ?? 0) + 1
      }
      for (const [id, p] of one.probabilities.entries()) {
        const sigma = Math.sqrt((p * (1 - p)) / draws)
        expect(Math.abs((counts[id] ?? 0) / draws - p), `token ${id}, p ${p}`).toBeLessThanOrEqual(
          4.5 * sigma + 1 / draws,
        )
        if (p === 0) expect(counts[id]).toBe(0)
      }
    },
  )

  it('leave logits alone by default, but for the cut at 50 when drawing', () => {
    const logits = Float32Array.from({ length: 80 }, (_, i) => Math.sin(i))
    const greedy = logits.slice()
    processLogits(greedy, new Set([1, 2]), sampling({}))
    expect(greedy).toEqual(logits)
    processLogits(logits, new Set([1, 2]), sampling({ doSample: true }))
    expect(logits.filter((logit) => logit > -Infinity)).toHaveLength(50)
  })

  it('keep as many as a full sort would, for every k and p', () => {
    const random = new Random(5)
    const logits = Float32Array.from({ length: 200 }, () => Math.round(random.normal() * 8) / 4)
    const falling = logits.toSorted().reverse()
    for (let k = 1; k < 200; k += 7) {
      const cut = logits.slice()
      processLogits(cut, new Set(), sampling({ doSample: true, topK: k }))
      expect(cut).toEqual(logits.map((logit) => (logit < (falling[k - 1] ?? 0) ? -Infinity : logit)))
    }
    const weights = [...falling].map(Math.exp)
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    for (const topP of [0.1, 0.35, 0.6, 0.9, 0.99]) {
      const cut = logits.slice()
      processLogits(cut, new Set(), sampling({ doSample: true, topK: 0, topP }))
      const kept = cut
        .filter((logit) => logit > -Infinity)
        .toSorted()
        .reverse()
      let [mass, count] = [0, 0]
      while (mass < topP) mass += (weights[count++] ?? 0) / total
      expect(kept).toEqual(falling.slice(0, count))
    }
  })

  it('ignore seen tokens beyond the row', () => {
    const logits = Float32Array.of(1, 2)
    processLogits(logits, new Set([5]), sampling({ repetitionPenalty: 2 }))
    expect([...logits]).toEqual([1, 2])
  })
})

describe('chooseToken', () => {
  it('takes the first of equal logits when greedy', () => {
    expect(argmax(Float32Array.of(0, 3, 3, 1))).toBe(1)
    // Wherever it stands among groups of four and behind them.
    for (let length = 1; length < 12; length++) {
      for (let at = 0; at < length; at++) {
        expect(argmax(Float32Array.from({ length }, (_, i) => (i === at ? -1 : -2 - i)))).toBe(at)
      }
    }
  })

  it('turns from a repeated token under a penalty', () => {
    const choose = (repetitionPenalty: number) =>
      chooseToken(Float32Array.of(3, 2.5, -1), new Set([0]), sampling({ repetitionPenalty }), new Random(0))
    expect([choose(1), choose(1.3)]).toEqual([0, 1])
  })

  it('draws the same tokens from the same seed, other ones from another', () => {
    const draw = (seed: number) => {
      const random = new Random(seed)
      return Array.from({ length: 32 }, () =>
        drawToken(
          Float32Array.from({ length: 64 }, (_, i) => i / 64),
          random,
        ),
      )
    }
    expect(draw(3)).toEqual(draw(3))
    expect(draw(3)).not.toEqual(draw(4))
  })

  it('survives logits far apart', () => {
    expect(drawToken(Float32Array.of(-3e38, 88, 3e38), new Random(1))).toBe(2)
  })

  it.each([
    ['NaN', [1, NaN]],
    ['infinite', [1, Infinity]],
    ['minus infinity everywhere', [-Infinity, -Infinity]],
  ])('refuses logits that are %s', (_, logits) => {
    for (const doSample of [false, true]) {
      expect(() => chooseToken(Float32Array.from(logits), new Set(), sampling({ doSample }), new Random(0))).toThrow(
        expect.objectContaining({ code: 'numeric', message: `generate: the model's logits are not finite` }),
      )
    }
  })
})
