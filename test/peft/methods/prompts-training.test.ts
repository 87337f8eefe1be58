import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { evaluateLoss } from '../../../src/evaluate/loss.ts'
import { generateTokens } from '../../../src/generate/generate.ts'
import { loadModel } from '../../../src/io/load/load-model.ts'
import { registerArchitecture } from '../../../src/models/architectures.ts'
import type { FalconForCausalLM } from '../../../src/models/falcon/falcon.ts'
import { seedDropout } from '../../../src/nn/dropout.ts'
import type { Adapter } from '../../../src/peft/adapter.ts'
import { attachAdapter } from '../../../src/peft/attach.ts'
import { adapterFiles, loadAdapter } from '../../../src/peft/files/adapter-files.ts'
import { openSafetensors } from '../../../src/safetensors/reader.ts'
import { bytesSource } from '../../../src/safetensors/source.ts'
import { checkpointFileNames, checkpointFiles, restoreCheckpoint } from '../../../src/train/checkpoint.ts'
import { TrainingRun } from '../../../src/train/training-run.ts'
import { testEngines } from '../../device/devices.ts'
import { readFixture } from '../../fixtures/open-fixture.ts'
import { filesOf } from '../../io/tiny-files.ts'
import { gptNeoX } from '../../models/gpt-neox.ts'
import { collected, randomExamples, trainedNumbers } from '../../train/tiny-run.ts'
import { maxDifference, tinyBatch, tinyFalcon, tinyFile, tinyText } from '../tiny-falcon.ts'

const { batch, labels } = await tinyBatch()
const examples = [0, 12].map((at) => ({
  inputIds: batch.inputIds?.slice(at, at + 12) ?? new Int32Array(0),
  labels: labels.slice(at, at + 12),
}))

registerArchitecture(gptNeoX)

describe.each(await testEngines())('training prompts, on $description', (device) => {
  let model: FalconForCausalLM
  beforeEach(async () => {
    model = await tinyFalcon(device)
  })
  afterEach(() => model.dispose())
  afterAll(() => device.dispose())

  const tableOf = async (adapter: Adapter) => {
    const [table] = adapter.namedTrainableParameters().values()
    return (await table?.read()) ?? new Float32Array(0)
  }
  const load = async (kind: string) => {
    const at = `adapters/${kind}`
    return loadAdapter(
      model,
      await tinyText(`${at}/adapter_config.json`),
      await tinyFile(`${at}/adapter_model.safetensors`),
      { trainable: true },
    )
  }

  // Of 12 + 8 labels, vectors of a prompt predict also the first one of a text.
  it.each([
    ['prompt-tuning', 20],
    ['prefix-tuning', 19],
  ])("%s: a run's first loss and evaluateLoss are PEFT's, a mean over %i labels", async (kind, count) => {
    const reference = await tinyFile(`adapters/${kind}/reference.safetensors`)
    const [wanted = NaN] = await reference.readF32('loss')
    await load(kind)
    const measured = await evaluateLoss(model, examples, { batchSize: 1 })
    expect(measured.tokens).toBe(count)
    expect(measured.loss).toBeCloseTo(wanted, 5)
    const options = { maxSteps: 1, learningRate: 1e-6 }
    for (const open of [
      () => new TrainingRun(model, examples, options),
      () => new TrainingRun(model, () => [{ ...batch, labels }], options),
    ]) {
      const run = open()
      const [report] = await collected(run)
      expect(report?.labelTokens).toBe(count)
      expect(report?.loss).toBeCloseTo(wanted, 4)
      run.dispose()
    }
  })

  it('accumulating four batches of one is a batch of four', async () => {
    const rows = randomExamples(4).map(({ inputIds }) => ({ inputIds, labels: inputIds }))
    const learned = []
    for (const [batchSize, gradientAccumulationSteps] of [
      [4, 1],
      [1, 4],
    ] as const) {
      const adapter = attachAdapter(model, { peftType: 'PROMPT_TUNING', numVirtualTokens: 3 }, { seed: 2 })
      const options = { batchSize, gradientAccumulationSteps, maxSteps: 2, learningRate: 0.01 }
      const run = new TrainingRun(model, rows, { ...options, maxGradNorm: 1000 })
      const losses = (await collected(run)).map(({ loss }) => loss)
      learned.push({ losses, table: await tableOf(adapter) })
      run.dispose()
      adapter.detach()
    }
    const [one, four] = learned
    expect(maxDifference(one?.losses ?? [], four?.losses ?? [NaN])).toBeLessThan(1e-4)
    expect(maxDifference(one?.table ?? [], four?.table ?? [NaN])).toBeLessThan(1e-4)
  })

  it('starts with a text’s tokens, cut or repeated, or with some of the vocabulary', async () => {
    const embeddings = await (await tinyFile('model.safetensors')).readF32('transformer.word_embeddings.weight')
    const rowsOf = (ids: readonly number[]) => ids.flatMap((id) => [...embeddings.subarray(32 * id, 32 * id + 32)])
    const start = async (fields: object, seed = 0) => {
      const adapter = attachAdapter(model, { peftType: 'PROMPT_TUNING', numVirtualTokens: 5, ...fields }, { seed })
      const table = [...(await tableOf(adapter))]
      const files = await adapterFiles(adapter)
      adapter.detach()
      return { table, config: new TextDecoder().decode(files.get('adapter_config.json')) }
    }
    const text = { promptTuningInit: 'TEXT', promptTuningInitText: 'a b c', tokenizerNameOrPath: 'some/one' }
    const repeated = await start({ ...text, promptTuningInitTokenIds: [5, 9, 7] })
    expect(repeated.table).toEqual(rowsOf([5, 9, 7, 5, 9]))
    expect(JSON.parse(repeated.config)).toMatchObject({ prompt_tuning_init: 'TEXT', prompt_tuning_init_text: 'a b c' })
    expect(repeated.config).not.toContain('token_ids')
    const cut = await start({ ...text, promptTuningInitTokenIds: [5, 9, 7, 8, 3, 60, 61] })
    expect(cut.table).toEqual(rowsOf([5, 9, 7, 8, 3]))
    const sampled = await start({ promptTuningInit: 'SAMPLE_VOCAB' }, 4)
    const ids = Array.from({ length: 5 }, (_, i) => {
      const row = sampled.table.slice(32 * i, 32 * i + 32)
      return Array.from({ length: 64 }, (__, id) => id).findIndex((id) => String(rowsOf([id])) === String(row))
    })
    expect(Math.min(...ids)).toBeGreaterThanOrEqual(0)
    expect(new Set(ids).size).toBeGreaterThan(1)
    expect((await start({ promptTuningInit: 'SAMPLE_VOCAB' }, 4)).table).toEqual(sampled.table)
    expect((await start({ promptTuningInit: 'SAMPLE_VOCAB' }, 5)).table).not.toEqual(sampled.table)
  })

  it.each<[object, string]>([
    [{ peftType: 'PROMPT_TUNING' }, 'numVirtualTokens must be given, such as 20'],
    [{ peftType: 'PREFIX_TUNING', numVirtualTokens: 0 }, 'numVirtualTokens must be a whole number from 1'],
    [{ promptTuningInit: 'TEXT', tokenizerNameOrPath: 'x' }, '"TEXT" needs promptTuningInitText'],
    [{ promptTuningInit: 'TEXT', promptTuningInitText: 'a' }, '"TEXT" needs tokenizerNameOrPath'],
    [
      { promptTuningInit: 'TEXT', promptTuningInitText: 'a', tokenizerNameOrPath: 'x' },
      'needs promptTuningInitTokenIds: tokenizer.encode(promptTuningInitText)',
    ],
    [
      {
        ...{ promptTuningInit: 'TEXT', promptTuningInitText: 'a', tokenizerNameOrPath: 'x' },
        promptTuningInitTokenIds: [64],
      },
      'promptTuningInitTokenIds has 64, beyond the vocabulary of 64',
    ],
    [{ promptTuningInitTokenIds: [3] }, 'promptTuningInitTokenIds is for promptTuningInit "TEXT"'],
    [{ promptTuningInit: 'WORDS' }, "promptTuningInit must be 'RANDOM', 'TEXT', 'SAMPLE_VOCAB'"],
    [{ tokenDim: 16 }, "tokenDim 16 is not the model's, 32"],
    [{ numLayers: 3 }, "numLayers 3 is not the model's, 2"],
    [{ numTransformerSubmodules: 2 }, 'numTransformerSubmodules must be 1, for a decoder'],
    [{ peftType: 'P_TUNING', encoderDropout: 2 }, 'encoderDropout must be'],
    [{ peftType: 'P_TUNING', encoderHiddenSize: 0 }, 'encoderHiddenSize must be'],
  ])('refuses %j, and leaves the model as it was', (config, message) => {
    const live = device.memory.liveBytes
    const common = 'numVirtualTokens' in config || message.startsWith('numVirtual') ? {} : { numVirtualTokens: 3 }
    expect(() => attachAdapter(model, { peftType: 'PROMPT_TUNING', ...common, ...config })).toThrow(
      expect.objectContaining({ code: 'config', message: expect.stringContaining(message) as string }) as Error,
    )
    expect(device.memory.liveBytes).toBe(live)
    expect(model.virtualTokens).toBe(0)
  })

  it('p-tuning drops out between the layers of its LSTM, while it is trained alone', async () => {
    const attach = (encoderDropout: number) =>
      attachAdapter(
        model,
        {
          ...{ peftType: 'P_TUNING', numVirtualTokens: 3, encoderReparameterizationType: 'LSTM' },
          ...{ encoderHiddenSize: 8, encoderDropout },
        },
        { seed: 6 },
      )
    const logits = (seed: number) => {
      seedDropout(model, seed, 0, 0)
      return model.forward(batch).read()
    }
    const plain = attach(0)
    const [without, file] = [await logits(1), (await adapterFiles(plain)).get('adapter_model.safetensors')]
    plain.detach()
    const adapter = attach(0.5)
    expect(await logits(1)).toEqual(without)
    model.train(true)
    const dropped = await logits(1)
    expect(maxDifference(dropped, without)).toBeGreaterThan(1e-3)
    expect(await logits(1)).toEqual(dropped)
    expect(await logits(2)).not.toEqual(dropped)
    // What is saved is what the encoder makes without it.
    expect((await adapterFiles(adapter)).get('adapter_model.safetensors')).toEqual(file)
    model.train(false)
    expect(await logits(1)).toEqual(without)
  })

  it.each(['PREFIX_TUNING', 'P_TUNING'])('%s goes on from a checkpoint bit for bit', async (peftType) => {
    const config = {
      PREFIX_TUNING: { prefixProjection: true, encoderHiddenSize: 8 },
      P_TUNING: { encoderReparameterizationType: 'LSTM', encoderHiddenSize: 8, encoderDropout: 0.3 },
    }[peftType]
    const rows = randomExamples(6)
    const runFrom = async (last: number, files?: ReadonlyMap<string, Uint8Array | string>) => {
      const adapter = attachAdapter(model, { peftType, numVirtualTokens: 3, ...config }, { seed: 3 })
      const run = new TrainingRun(model, rows, { batchSize: 2, maxSteps: 4, learningRate: 0.01 })
      if (files !== undefined) {
        const tensors = bytesSource(files.get(checkpointFileNames.tensors) as Uint8Array)
        await restoreCheckpoint(run, files.get(checkpointFileNames.state) as string, await openSafetensors(tensors))
      }
      const losses = []
      for await (const { step, loss } of run) {
        losses.push(loss)
        if (step === last) break
      }
      const left = { losses, numbers: await trainedNumbers(model), files: await checkpointFiles(run) }
      run.dispose()
      adapter.detach()
      return left
    }
    const through = await runFrom(4)
    const stopped = await runFrom(2)
    const resumed = await runFrom(4, stopped.files)
    expect(resumed.losses).toEqual(through.losses.slice(2))
    expect(resumed.numbers).toEqual(through.numbers)
  })

  it('stands before a text of an architecture of one’s own, as the tokens that it begun with', async () => {
    const bytes = async (file: string) => Uint8Array.from(await readFixture(`gpt-neox/${file}`))
    const files = filesOf({
      'config.json': await bytes('config.json'),
      'model.safetensors': await bytes('model.safetensors'),
    })
    const own = (await loadModel(files, { device })).model
    const before = Int32Array.of(5, 9, 7)
    const text = Int32Array.of(3, 8, 4, 11)
    const all = await own.forward({ inputIds: Int32Array.of(...before, ...text), shape: [1, 7] }).read()
    const start = { promptTuningInit: 'TEXT', promptTuningInitText: 'a', tokenizerNameOrPath: 'x' } as const
    const adapter = attachAdapter(own, {
      ...{ peftType: 'PROMPT_TUNING', numVirtualTokens: 3, ...start },
      promptTuningInitTokenIds: [...before],
    })
    const behind = await own.forward({ inputIds: text, shape: [1, 4] }).read()
    expect(maxDifference(behind, all.slice((all.length / 7) * 3))).toBeLessThan(1e-5)
    const greedy = async (ids: Int32Array) => {
      const tokens: number[] = []
      for await (const [token] of generateTokens(own, [[...ids]], { maxNewTokens: 4, eosTokenId: [] }))
        tokens.push(token ?? -1)
      return tokens
    }
    const generated = await greedy(text)
    const run = new TrainingRun(own, [{ inputIds: text, labels: text }], { maxSteps: 3, learningRate: 0.05 })
    const losses = (await collected(run)).map(({ loss }) => loss)
    expect(losses.at(-1)).toBeLessThan(losses[0] ?? 0)
    run.dispose()
    adapter.detach()
    expect(await greedy(Int32Array.of(...before, ...text))).toEqual(generated)
    own.dispose()
  })
})
