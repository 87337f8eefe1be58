import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { FalconForCausalLM } from '../../../src/models/falcon/falcon.ts'
import { attachAdapter, attachLora } from '../../../src/peft/attach.ts'
import { startLora } from '../../../src/peft/lora/starts/start-lora.ts'
import { addWeightedAdapter } from '../../../src/peft/several/combine/add-weighted-adapter.ts'
import { combinations, type CombinationType, combined } from '../../../src/peft/several/combine/combinations.ts'
import { denseOf, type LowRank } from '../../../src/peft/several/combine/low-rank.ts'
import { largestKept } from '../../../src/peft/several/combine/task-vectors.ts'
import { disableAdapter, setAdapter } from '../../../src/peft/several/several-adapters.ts'
import { testEngines } from '../../device/devices.ts'
import { openFixture } from '../../fixtures/open-fixture.ts'
import { maxDifference, maxMagnitude, tinyBatch, tinyFalcon } from '../tiny-falcon.ts'

interface PeftOptions {
  readonly combination_type: CombinationType
  readonly density?: number
  readonly majority_sign_method?: 'total' | 'frequency'
  readonly svd_rank?: number
}

const peft = await openFixture('weighted-adapters.safetensors')
const cases = JSON.parse(peft.metadata['cases'] ?? '{}') as Record<string, [string[], number[], PeftOptions]>
const scalings: Readonly<Record<string, number>> = { p: 2, q: 0.5, s: 1.5 }

async function updateOf(name: string): Promise<LowRank> {
  const [a, b] = [await peft.readF32(`${name}.a`), await peft.readF32(`${name}.b`)]
  return { rank: a.length / 12, rows: 20, columns: 12, a, b }
}

/** The numbers that make_weighted_adapters.py puts in the place of chance. */
function counted() {
  let drawn = 0
  return { uniform: () => (Math.imul(++drawn, 2654435761) >>> 0) / 2 ** 32 }
}

describe('combinations of updates', () => {
  it.each(Object.entries(cases))("%s gives PEFT's", async (name, [names, weights, options]) => {
    const type = names.length === 1 ? 'linear' : options.combination_type
    const parts = await Promise.all(
      names.map(async (each, i) => ({
        update: await updateOf(each),
        scaling: scalings[each] ?? NaN,
        weight: weights[i] ?? NaN,
      })),
    )
    const ranks = parts.map(({ update }) => update.rank)
    const rank = type === 'cat' ? ranks.reduce((sum, each) => sum + each, 0) : (options.svd_rank ?? Math.max(...ranks))
    const { density = 1, majority_sign_method: majoritySignMethod = 'total' } = options
    const plan = { ...combinations[type], density, majoritySignMethod, rank, clamp: null }
    const made = combined(parts, plan, counted())
    expect(made.rank).toBe(rank)
    if (plan.isDecomposed) {
      // PEFT decomposes in f32.
      const delta = await peft.readF32(`${name}.delta`)
      expect(maxDifference(denseOf(made), delta) / maxMagnitude(delta)).toBeLessThan(3e-6)
    } else {
      expect(maxDifference(made.a, await peft.readF32(`${name}.a`))).toBeLessThan(1e-6)
      expect(maxDifference(made.b, await peft.readF32(`${name}.b`))).toBeLessThan(1e-6)
    }
  })

  it('cuts at a quantile as torch does, and keeps the first of equal elements', async () => {
    const update = await updateOf('p')
    const plan = { ...combinations.svd, density: 1, majoritySignMethod: 'total', rank: 3, clamp: 0.9 } as const
    const [whole, cut] = [1, 0.9].map((clamp) => {
      return combined([{ update, scaling: 1, weight: 1 }], { ...plan, clamp }, counted())
    })
    const all = [...(whole?.b ?? []), ...(whole?.a ?? [])].sort((x, y) => x - y)
    const at = 0.9 * (all.length - 1)
    const low = all[Math.floor(at)] ?? NaN
    const limit = low + (at - Math.floor(at)) * ((all[Math.ceil(at)] ?? NaN) - low)
    const wanted = (whole?.b ?? new Float32Array(0)).map((value) => Math.min(Math.max(value, -limit), limit))
    expect(maxDifference(cut?.b ?? [], wanted)).toBeLessThan(1e-6)
    expect(largestKept(Float32Array.of(1, -2, 2, 0.5, -2), 0.5)).toEqual(Float32Array.of(0, -2, 2, 0, 0))
    expect(largestKept(Float32Array.of(1, 1), 0.4)).toEqual(Float32Array.of(0, 0))
  })
})

const { batch } = await tinyBatch()

describe.each(await testEngines())('weighted adapters, on $description', (device) => {
  let model: FalconForCausalLM
  beforeEach(async () => {
    model = await tinyFalcon(device)
    attachLora(model, { r: 3, loraAlpha: 6, initLoraWeights: false }, { name: 'a', seed: 1 })
    attachLora(
      model,
      { r: 2, loraAlpha: 2, initLoraWeights: false, targetModules: ['dense'], useRslora: true },
      { name: 'b', seed: 2 },
    )
    attachLora(model, { r: 3, initLoraWeights: false, rankPattern: { 'h.1.*': 2 } }, { name: 'c', seed: 3 })
  })
  afterEach(() => model.dispose())
  afterAll(() => device.dispose())

  const logits = async (names: string[]): Promise<Float32Array> => {
    setAdapter(model, names)
    const out = model.forward(batch)
    const values = await out.read()
    out.dispose()
    return values
  }

  it.each(['cat', 'svd'] as const)('%s is the sum of updates, on the layers of all', async (combinationType) => {
    const wanted = await logits(['a', 'b', 'c'])
    const options = { adapterName: 'sum', combinationType, ...(combinationType === 'svd' && { svdRank: 6 }) }
    const adapter = await addWeightedAdapter(model, ['a', 'b', 'c'], [1, 1, 1], options)
    expect(adapter.layers.size).toBe(4)
    expect(adapter.isActive).toBe(false)
    expect(adapter.isTrainable).toBe(false)
    expect(adapter.config).toMatchObject({ useRslora: false, rankPattern: {} })
    expect(adapter.config).toHaveProperty('loraAlpha', Reflect.get(adapter.config, 'r'))
    expect(maxDifference(await logits(['sum']), wanted)).toBeLessThan(2e-5)
    const base = await disableAdapter(model, () => logits([]))
    const none = await addWeightedAdapter(model, ['a', 'sum'], [0, 0], { adapterName: 'none' })
    expect(maxDifference(await logits([none.name]), base)).toBeLessThan(1e-5)
  })

  it('takes away what another adds, and counts a start from the base as what it adds', async () => {
    const pissa = await startLora(model, { r: 2, initLoraWeights: 'pissa' }, { name: 'pissa' })
    for (const tensor of pissa.namedTrainableParameters().values()) {
      tensor.write((await tensor.read()).map((value, i) => value + 0.05 * Math.sin(i)))
    }
    const alone = await logits(['pissa'])
    await addWeightedAdapter(model, ['pissa', 'a'], [1, 1], { adapterName: 'more', combinationType: 'cat' })
    const back = await addWeightedAdapter(model, ['more', 'a'], [1, -1], { adapterName: 'back', svdRank: 4 })
    expect(back.config).toHaveProperty('initLoraWeights', true)
    expect(maxDifference(await logits(['back']), alone)).toBeLessThan(2e-5)
  })

  it('sums the scales of IA3 adapters, on the layers of all', async () => {
    const given = [
      ['x', { targetModules: ['query_key_value', 'dense_4h_to_h'], feedforwardModules: ['dense_4h_to_h'] }],
      ['y', { targetModules: ['query_key_value'], feedforwardModules: [] }],
    ] as const
    const adapters = given.map(([name, fields], i) => {
      const options = { name, seed: i + 1 }
      return attachAdapter(model, { peftType: 'IA3', initIa3Weights: false, ...fields }, options)
    })
    const sum = await addWeightedAdapter(model, ['x', 'y'], [0.7, -0.4], { adapterName: 'sum' })
    expect(sum.config).toMatchObject({
      targetModules: ['query_key_value', 'dense_4h_to_h'],
      feedforwardModules: ['dense_4h_to_h'],
    })
    expect([sum.isActive, sum.isTrainable]).toEqual([false, false])
    expect(sum.namedTrainableParameters().size).toBe(4)
    for (const [key, tensor] of sum.namedTrainableParameters()) {
      const [x, y] = await Promise.all(adapters.map(async (each) => each.namedTrainableParameters().get(key)?.read()))
      const wanted = x?.map((value, i) => 0.7 * value - 0.4 * (y?.[i] ?? 0))
      expect(maxDifference(await tensor.read(), wanted ?? []), key).toBeLessThan(1e-6)
    }
    // PEFT adds a scale of inputs to one of outputs.
    attachAdapter(model, { peftType: 'IA3', targetModules: ['dense_4h_to_h'], feedforwardModules: [] }, { name: 'z' })
    await expect(addWeightedAdapter(model, ['x', 'z'], [1, 1], { adapterName: 'odd' })).rejects.toThrow(
      'the adapters need the same feedforwardModules',
    )
  })

  it('draws by a seed what dare keeps', async () => {
    const made = async (adapterName: string, seed: number) => {
      const options = { adapterName, combinationType: 'dare_linear', density: 0.5, seed } as const
      const adapter = await addWeightedAdapter(model, ['a', 'a'], [1, 1], options)
      const [first] = adapter.namedTrainableParameters().values()
      return first?.read()
    }
    const first = await made('x', 1)
    expect(await made('y', 1)).toEqual(first)
    expect(await made('z', 2)).not.toEqual(first)
  })

  it('refuses what cannot be combined, and leaves the model as it was', async () => {
    attachLora(model, { r: 3, useDora: true }, { name: 'dora' })
    attachAdapter(model, { peftType: 'IA3' }, { name: 'ia3' })
    attachAdapter(model, { peftType: 'LN_TUNING' }, { name: 'norms' })
    const before = await logits(['a'])
    const { liveBytes } = device.memory
    const refused = async (names: string[], weights: number[], options: object, code: string, message: string) => {
      const making = addWeightedAdapter(model, names, weights, { adapterName: 'new', ...options })
      await expect(making).rejects.toThrow(expect.objectContaining({ code, message }) as Error)
    }
    const who = 'addWeightedAdapter'
    await refused(['a'], [1, 2], {}, 'config', `${who}: 2 weights for 1 adapters; there must be one each`)
    await refused(
      ['a', 'd'],
      [1, 1],
      {},
      'not-found',
      `${who}: the model has no adapter "d", but a, b, c, dora, ia3, norms`,
    )
    const others = `${who}: the adapter "ia3" is IA3, others are LoRA; only those of one method become one`
    await refused(['a', 'ia3'], [1, 1], {}, 'unsupported', others)
    await refused(['ia3'], [1], { svdRank: 2 }, 'config', `${who}: svdRank is for LoRA adapters; leave it out`)
    const norms = `${who}: adapters of LN tuning are not combined, neither in PEFT; LoRA's and IA3's are`
    await refused(['norms'], [1], {}, 'unsupported', norms)
    await refused(
      ['a', 'dora'],
      [1, 1],
      {},
      'unsupported',
      `${who}: the adapter "dora" has useDora; only adapters of A and B alone are combined`,
    )
    await refused(
      ['a', 'c'],
      [1, 1],
      { combinationType: 'ties' },
      'config',
      `${who}: combinationType "ties" needs a density, the share of elements that is kept`,
    )
    await refused(
      ['a', 'c'],
      [1, 1],
      { combinationType: 'linear' },
      'config',
      `${who}: the adapters have ranks 3, 2 at transformer.h.1.self_attention.query_key_value; choose 'svd', 'cat' or a combinationType that ends in '_svd'`,
    )
    await refused(
      ['a'],
      [1],
      { adapterName: 'c' },
      'config',
      `${who}: the model has an adapter "c" already; give this one another name, or detach or merge that one first`,
    )
    await refused(['a'], [NaN], {}, 'config', `${who}: weights: item 0 must be a number, got NaN`)
    expect(device.memory.liveBytes).toBe(liveBytes)
    expect(await logits(['a'])).toEqual(before)
  })
})
