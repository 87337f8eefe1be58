import { afterAll, describe, expect, it } from 'vitest'
import type { Draw } from '../../../src/generate/draw-tokens.ts'
import { resolveOptions } from '../../../src/generate/generation-options.ts'
import { PromptCache } from '../../../src/generate/prompts/prompt-cache.ts'
import { piecesOf } from '../../../src/generate/prompts/prompt-pieces.ts'
import { PromptSession } from '../../../src/generate/prompts/prompt-session.ts'
import { loadModel } from '../../../src/io/load/load-model.ts'
import type { CausalLm } from '../../../src/models/causal-lm.ts'
import { testEngines } from '../../device/devices.ts'
import { tinyLlama } from '../../evaluate/evaluation-fixture.ts'

const devices = await testEngines()
afterAll(() => devices.forEach((device) => device.dispose()))

const prompt = Array.from({ length: 75 }, (_, i) => (i * 37) % 300)

/** All that is to be known of a prompt and two answers to it. */
async function ask(model: CausalLm, cache: PromptCache, ids: readonly number[], isEchoed = true) {
  const session = new PromptSession(model, cache, ids, { reader: 'base', isEchoed, signal: undefined })
  const reading = session.read()
  while ((await reading.next()).done !== true);
  const generation = resolveOptions(model, { maxNewTokens: 4, doSample: true, seed: 3, eosTokenId: null })
  const draws: Draw[][] = []
  for (const stream of [0, 1]) {
    const own: Draw[] = []
    for await (const draw of session.draw(generation, { top: 3, stream })) own.push(draw)
    draws.push(own)
  }
  const { reusedTokens } = session
  const told = { logProbs: isEchoed ? session.logProbs() : [], draws }
  session.close()
  return { told, reusedTokens }
}

describe.each(devices)('PromptSession on $description', async (device) => {
  const { model } = await loadModel(tinyLlama, { device })

  it('says of a prompt, bit for bit, what it says of it without those before it', async () => {
    const cache = new PromptCache(1e9)
    const other = [...prompt.slice(0, 74), 5]
    const alone = await ask(model, new PromptCache(0), other)
    expect(alone.reusedTokens).toBe(0)
    expect((await ask(model, cache, prompt)).reusedTokens).toBe(0)
    // All but the last token are known; then all of it; of a longer one the first whole piece.
    const [again, same] = [await ask(model, cache, other), await ask(model, cache, other)]
    expect([again.reusedTokens, same.reusedTokens]).toEqual([74, 75])
    expect(again.told).toEqual(alone.told)
    expect(same.told).toEqual(alone.told)
    expect((await ask(model, cache, [...other, 7, 8])).reusedTokens).toBe(64)
    // What was read without a look at its tokens does not say how likely they are.
    const unseen = new PromptCache(1e9)
    expect((await ask(model, unseen, prompt, false)).told.draws).toEqual((await ask(model, unseen, prompt)).told.draws)
    for (const each of [cache, unseen]) each.dispose()
  })

  it('tells how likely tokens are, as the whole text at once says', async () => {
    const { told } = await ask(model, new PromptCache(0), prompt)
    const labels = Int32Array.from(prompt)
    const tensor = model.logProbs({ inputIds: labels, shape: [1, prompt.length] }, labels)
    const expected = [...(await tensor.read())].slice(0, -1)
    tensor.dispose()
    const [first, ...own] = told.logProbs
    expect(first).toBeNull()
    expect(Math.max(...own.map((each, i) => Math.abs((each?.logProb ?? NaN) - (expected[i] ?? NaN))))).toBeLessThan(
      1e-4,
    )
    for (const each of own)
      expect(each?.top.map(({ logProb }) => logProb)).toEqual(
        each?.top.map(({ logProb }) => logProb).sort((a, b) => b - a),
      )
  })
})

describe('PromptCache', () => {
  it('keeps what fits, the latest first, and gives all of it back', async () => {
    const [device] = devices
    if (device === undefined) throw new Error('no device')
    const { model } = await loadModel(tinyLlama, { device })
    const before = device.memory.liveBytes
    const measure = new PromptCache(1e9)
    await ask(model, measure, prompt)
    const cache = new PromptCache(2.5 * measure.byteLength)
    measure.dispose()
    const texts = [0, 1, 2].map((i) => prompt.map((id) => (id + i) % 300))
    for (const ids of texts) await ask(model, cache, ids)
    expect(cache.byteLength).toBeLessThan(2.5 * (cache.byteLength / 2) + 1)
    const found = texts.map((ids) => cache.find('base', piecesOf(ids), true)?.count ?? 0)
    expect(found).toEqual([0, 3, 3])
    expect(cache.find('an adapter', piecesOf(texts[2] ?? []), true)).toBeNull()
    cache.dispose()
    expect(device.memory.liveBytes).toBe(before)
  })

  it('cuts a prompt where its length alone says', () => {
    expect(
      [1, 2, 65, 66, 130].map((length) => piecesOf(prompt.concat(prompt).slice(0, length)).map((ids) => ids.length)),
    ).toEqual([[1], [1, 1], [64, 1], [64, 1, 1], [64, 64, 1, 1]])
  })
})
