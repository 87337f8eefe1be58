import { afterAll, describe, expect, it } from 'vitest'
import { dequantize } from '../../../src/ops/dequantize.ts'
import { attachAdapter } from '../../../src/peft/attach.ts'
import { adapterFiles } from '../../../src/peft/files/adapter-files.ts'
import { mergeAdapter } from '../../../src/peft/merge/merge-adapter.ts'
import { setAdapter } from '../../../src/peft/several/several-adapters.ts'
import { TrainingRun } from '../../../src/train/training-run.ts'
import { testEngines } from '../../device/devices.ts'
import { collected } from '../../train/tiny-run.ts'
import { maxDifference } from '../tiny-falcon.ts'
import { tinyLlama, tinyTokens } from '../tiny-llama.ts'

const { batch, labels } = tinyTokens
const embeddings = 'base_model.model.model.embed_tokens.trainable_tokens_delta'
const head = 'base_model.model.lm_head.trainable_tokens_delta'

/** That against PEFT, files included, is in tied-tables and in interop. */
describe.each(await testEngines())('trainable tokens, on $description', (device) => {
  afterAll(() => device.dispose())

  const tokens = { peftType: 'TRAINABLE_TOKENS', tokenIndices: [5, 9] } as const

  it('trains vectors of its tokens alone, of the model’s embeddings where it is not told', async () => {
    const model = await tinyLlama(device)
    const before = await model.forward(batch).read()
    const table = await dequantize(model.getInputEmbeddings().table).read()
    const adapter = attachAdapter(model, tokens)
    expect([...adapter.namedTrainableParameters()].map(([key, { shape }]) => [key, shape])).toEqual([
      [embeddings, [2, 16]],
    ])
    expect(maxDifference(await model.forward(batch).read(), before)).toBeLessThan(1e-5)
    const config = new TextDecoder().decode((await adapterFiles(adapter)).get('adapter_config.json'))
    expect(JSON.parse(config)).toEqual({
      ...{ auto_mapping: null, base_model_name_or_path: null, inference_mode: true, init_weights: true },
      ...{ peft_type: 'TRAINABLE_TOKENS', peft_version: '0.21.2', revision: null, task_type: 'CAUSAL_LM' },
      ...{ target_modules: 'model.embed_tokens', token_indices: [5, 9] },
    })
    const run = new TrainingRun(model, () => [{ ...batch, labels }], { maxSteps: 4, learningRate: 0.02 })
    const losses = (await collected(run)).map(({ loss }) => loss)
    run.dispose()
    expect(losses.at(-1)).toBeLessThan(losses[0] ?? 0)
    const after = await model.forward(batch).read()
    adapter.merge()
    expect(maxDifference(await model.forward(batch).read(), after)).toBeLessThan(1e-5)
    const changed = await dequantize(model.getInputEmbeddings().table).read()
    const rows = Array.from({ length: 24 }, (_, id) => id).filter((id) => {
      return maxDifference(table.subarray(16 * id, 16 * id + 16), changed.subarray(16 * id, 16 * id + 16)) > 0
    })
    expect(rows).toEqual([5, 9])
    model.dispose()
  })

  it.each<[object, boolean, readonly string[], readonly string[]]>([
    [{ targetModules: ['lm_head'] }, false, [head], [head]],
    [{ targetModules: ['embed_tokens', 'lm_head'] }, false, [embeddings, head], [embeddings, head]],
    [{ targetModules: '.*(embed_tokens|lm_head)' }, true, [embeddings], [embeddings, head]],
    [{ targetModules: ['lm_head'] }, true, [head], [head]],
  ])('of %j, tied: %s, trains %j and saves %j', async (config, isTied, trained, saved) => {
    const model = await tinyLlama(device, { isTied })
    const adapter = attachAdapter(model, { ...tokens, ...config })
    expect([...adapter.namedTrainableParameters().keys()].sort()).toEqual([...trained].sort())
    expect([...adapter.namedSavedTensors().keys()].sort()).toEqual([...saved].sort())
    model.dispose()
  })

  it.each([false, true])(
    'adapters compute together as long as no token is of two of them, tied: %s',
    async (isTied) => {
      const model = await tinyLlama(device, { isTied })
      for (const [name, tokenIndices] of Object.entries({ a: [5, 9], b: [3, 20], c: [9] })) {
        const adapter = attachAdapter(model, { ...tokens, tokenIndices }, { name })
        for (const tensor of adapter.namedTrainableParameters().values()) {
          tensor.write((await tensor.read()).map((value, i) => value + 0.3 * Math.sin(i)))
        }
      }
      setAdapter(model, ['a', 'b'])
      const both = await model.forward(batch).read()
      expect(() => setAdapter(model, ['a', 'c'])).toThrow('the adapters "a" and "c" both train token 9')
      expect(await model.forward(batch).read()).toEqual(both)
      await mergeAdapter(model)
      expect(maxDifference(await model.forward(batch).read(), both)).toBeLessThan(1e-5)
      model.dispose()
    },
  )

  it('draws vectors where initWeights is false, by the seed', async () => {
    const model = await tinyLlama(device)
    const start = async (seed: number) => {
      const adapter = attachAdapter(model, { ...tokens, initWeights: false }, { seed })
      const values = await adapter.namedTrainableParameters().get(embeddings)?.read()
      adapter.detach()
      return values
    }
    expect(await start(1)).toEqual(await start(1))
    expect(await start(1)).not.toEqual(await start(2))
    model.dispose()
  })

  it.each<[object, string, string]>([
    [{ tokenIndices: [] }, 'config', 'tokenIndices must be some tokens, each once, got []'],
    [{ tokenIndices: [3, 3] }, 'config', 'tokenIndices must be some tokens, each once, got [3, 3]'],
    [{ tokenIndices: [24] }, 'config', 'tokenIndices has 24, and "model.embed_tokens" has 24 tokens'],
    [{ tokenIndices: [-1] }, 'config', 'tokenIndices: item 0 must be a whole number from 0'],
    [{ modulesToSave: ['norm'] }, 'config', 'modulesToSave must be null'],
    [{ targetModules: ['wte'] }, 'not-found', 'no module matches targetModules ["wte"]'],
    [{ targetModules: ['k_proj'] }, 'unsupported', 'must be one of the tables of tokens: embeddings and heads'],
    [{ initWeight: true }, 'config', 'did you mean initWeights'],
  ])('refuses %j', async (config, code, message) => {
    const model = await tinyLlama(device)
    expect(() => attachAdapter(model, { ...tokens, ...config })).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) as string }) as Error,
    )
    model.dispose()
  })
})
