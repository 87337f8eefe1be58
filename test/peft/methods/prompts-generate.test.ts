import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { generateTokens } from '../../../src/generate/generate.ts'
import { KeyValueCaches } from '../../../src/models/caches/key-value-caches.ts'
import type { PretrainedLm } from '../../../src/models/causal-lm.ts'
import type { Adapter } from '../../../src/peft/adapter.ts'
import { attachAdapter } from '../../../src/peft/attach.ts'
import { fromArray } from '../../../src/tensor/tensor.ts'
import { testEngines } from '../../device/devices.ts'
import { openFixture } from '../../fixtures/open-fixture.ts'
import { tinyModel } from '../../models/tiny-family.ts'
import { maxDifference, tinyFalcon } from '../tiny-falcon.ts'

/** What make_prompt_golden.py describes. */
const golden = await openFixture('prompts.safetensors')
const integers = async (name: string) => Int32Array.from((await golden.read(name)) as Int32Array)
const models = ['falcon', 'llama', 'falcon-7b'] as const
const cases = models.flatMap((name) => (['PROMPT_TUNING', 'PREFIX_TUNING'] as const).map((kind) => ({ name, kind })))

describe.each(await testEngines())('prompts on $description', (device) => {
  const { memory } = device
  afterAll(() => device.dispose())

  describe.each(cases)('$kind of $name', ({ name, kind }) => {
    let model: PretrainedLm
    let adapter: Adapter
    const before = memory.liveBytes
    beforeEach(async () => {
      model =
        name === 'falcon'
          ? await tinyFalcon(device)
          : (await tinyModel(device, name === 'llama' ? 'llama-tied' : name)).model
      adapter = attachAdapter(model, { peftType: kind, numVirtualTokens: 3 })
      const values = await golden.readF32(`${name}.${kind}.prompt_embeddings`)
      for (const tensor of adapter.namedTrainableParameters().values()) tensor.write(values)
    })
    afterEach(() => {
      model.dispose()
      expect(memory.liveBytes).toBe(before)
    })

    const read = (key: string) => integers(`${name}.${kind}.${key}`)
    const greedy = async (prompts: readonly (readonly number[])[], maxNewTokens = 6) => {
      const rows: number[][] = prompts.map(() => [])
      for await (const tokens of generateTokens(model, prompts, { maxNewTokens, eosTokenId: [] })) {
        for (const [row, token] of tokens.entries()) rows[row]?.push(token ?? -1)
      }
      return rows
    }

    it('has PEFT’s logits and loss behind padding', async () => {
      const [inputIds, mask] = [await read('ids'), await read('mask')]
      const batch = { inputIds, shape: [2, 7] as const, attentionMask: Uint8Array.from(mask) }
      const labels = inputIds.map((id, i) => (mask[i] === 0 ? -100 : id))
      const logits = await golden.readF32(`${name}.${kind}.logits`)
      const scope = memory.open()
      expect(maxDifference(await model.forward(batch).read(), logits)).toBeLessThan(1e-4)
      const loss = await golden.readF32(`${name}.${kind}.loss`)
      expect(maxDifference(await model.loss(batch, labels).read(), loss)).toBeLessThan(1e-5)
      const inputsEmbeds = model.getInputEmbeddings().forward(fromArray(device, inputIds, [2, 7], 'ids'))
      const { inputIds: _, ...rest } = batch
      expect(await model.forward({ ...rest, inputsEmbeds }).read()).toEqual(await model.forward(batch).read())
      scope.close()
    })

    it('generates PEFT’s tokens, in a padded batch too, and frees what it took', async () => {
      const [prompt, wanted] = [await read('prompt'), await read('greedy')]
      const live = memory.liveBytes
      expect(await greedy([[...prompt]])).toEqual([[...wanted.slice(4)]])
      const others = [[5, 9, 7, 11, 3, 8, 4], [...prompt], [6, 5]]
      const alone = []
      for (const one of others) alone.push(...(await greedy([one])))
      expect(await greedy(others)).toEqual(alone)
      expect(memory.liveBytes).toBe(live)
    })

    it('computes the same token by token in caches that grow', async () => {
      const inputIds = (await read('ids')).slice(0, 7)
      const scope = memory.open()
      const whole = await model.forward({ inputIds, shape: [1, 7] }).read()
      const caches = new KeyValueCaches(model, 1, 2)
      const parts: number[] = []
      for (const [begin, end] of [
        [0, 2],
        [2, 3],
        [3, 7],
      ] as const) {
        caches.reserve(end - begin)
        const batch = { inputIds: inputIds.slice(begin, end), shape: [1, end - begin] as const }
        parts.push(...(await model.forward(batch, caches.perLayer).read()))
        caches.advance(end - begin)
      }
      expect(caches.length).toBe(7)
      expect(maxDifference(parts, whole)).toBeLessThan(1e-5)
      adapter.setEnabled(false)
      expect(() => caches.perLayer).toThrow(
        'caches: they are behind 3 virtual tokens, and the model has 0 now; make new ones',
      )
      caches.dispose()
      scope.close()
    })
  })
})
