import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openCpuDevice } from '../../../src/device/cpu/cpu-device.ts'
import type { Device } from '../../../src/device/device.ts'
import { collate, type Example } from '../../../src/models/example.ts'
import { openSafetensors, type TensorReader } from '../../../src/safetensors/reader.ts'
import { bytesSource } from '../../../src/safetensors/source.ts'
import { epochBatches } from '../../../src/train/order.ts'
import { exportRecipe, type RecipeOptions } from '../../../src/trainer/recipe/export-recipe.ts'
import { savedBase } from '../../../src/trainer/recipe/saved-base.ts'
import { perDevice } from '../../../src/trainer/recipe/steps-left.ts'
import { Trainer } from '../../../src/trainer/trainer.ts'
import type { TrainerOptions } from '../../../src/trainer/trainer-options.ts'
import { adaptedFalcon, randomExamples } from '../../train/tiny-run.ts'

const examples = randomExamples(11)
const settings: TrainerOptions = {
  ...{ maxSteps: 7, batchSize: 2, gradientAccumulationSteps: 2, learningRate: 0.01, warmup: 2, weightDecay: 0.1 },
  ...{ seed: 7, dataSeed: 3, maxGradNorm: 0.5, saveSteps: 2, schedule: 'cosine' },
}
let device: Device
let folder: string
const at = (...parts: string[]) => join(folder, ...parts)

beforeAll(async () => {
  device = await openCpuDevice()
  folder = await mkdtemp(join(tmpdir(), 'recipe-'))
  await trained('run', settings)
})
afterAll(async () => {
  device.dispose()
  await rm(folder, { recursive: true })
})

async function trained(name: string, options: TrainerOptions, rows: readonly Example[] = examples): Promise<void> {
  const { model, dispose } = await adaptedFalcon(device)
  const trainer = new Trainer(model, rows, { ...options, outputDir: at(name) })
  await trainer.train()
  trainer.dispose()
  dispose()
}

/** Rows side by side, the first of each pair twice. */
function ownBatch(rows: readonly Example[]) {
  const { batch, labels } = collate([...rows.slice(0, 1), ...rows])
  return { ...batch, labels }
}

const exported = (options: RecipeOptions = {}, rows: readonly Example[] = examples) =>
  exportRecipe(at('run/checkpoint-4'), rows, { model: 'tiiuae/falcon-rw-1b@main', ...options })

async function tensorsOf(file: Uint8Array | string | undefined): Promise<TensorReader> {
  if (!(file instanceof Uint8Array)) throw new Error('no such file')
  return openSafetensors(bytesSource(file, 'a file of the recipe'))
}

describe('exportRecipe', () => {
  test('writes what train.py reads', async () => {
    const warnings: string[] = []
    const files = await exported({ processes: 4, onWarning: (message) => warnings.push(message) })
    expect([...files.keys()].sort()).toEqual([
      ...['README.md', 'accelerate.yaml', 'adapter/adapter_config.json', 'adapter/adapter_model.safetensors'],
      ...['examples.safetensors', 'optimizer.safetensors', 'recipe.json', 'requirements.txt', 'train.py'],
    ])
    expect(JSON.parse(String(files.get('recipe.json')))).toEqual({
      ...{ model: 'tiiuae/falcon-rw-1b', revision: 'main', dtype: 'float32', quantization: null },
      ...{ mixed_precision: 'no', step: 4, steps: 7, learning_rate: 0.01, schedule: 'cosine', warmup: 2 },
      ...{ optimizer: { betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0.1 }, max_grad_norm: 0.5 },
      ...{ loraplus_lr_ratio: null, loraplus_lr_embedding: 1e-6, per_device_train_batch_size: 1 },
      ...{ examples_per_step: 4, seed: 7, gradient_checkpointing: false, disable_dropout: false },
    })
    expect(files.get('accelerate.yaml')).toContain('distributed_type: MULTI_GPU\nnum_processes: 4\n')
    const onCpus = (await exported({ processes: 2, cpu: true })).get('accelerate.yaml')
    expect(onCpus).toMatch(/distributed_type: MULTI_GPU\nnum_processes: 2\n[^]*use_cpu: true\n$/)
    expect(warnings).toEqual(['exportRecipe: Dropout is 0.2: losses will not be equal'])
    expect(files.get('README.md')).toContain('- Dropout is 0.2: losses will not be equal.\n')
    const adapter = files.get('adapter/adapter_model.safetensors')
    expect(adapter).toEqual(new Uint8Array(await readFile(at('run/checkpoint-4/adapter_model.safetensors'))))
  })

  test('gives each step its examples and its rate', async () => {
    const data = await tensorsOf((await exported()).get('examples.safetensors'))
    const offsets = await data.read('offsets')
    const [ids, labels] = [await data.read('input_ids'), await data.read('labels')]
    for (const [i, example] of examples.entries()) {
      const part = [Number(offsets[i]), Number(offsets[i + 1])] as const
      expect(ids.slice(...part)).toEqual(example.inputIds)
      expect(labels.slice(...part)).toEqual(example.labels)
    }
    // A pass has three steps; its last one has three of four examples.
    const passes = [1, 2].map((epoch) => [...epochBatches(11, 2, 3, epoch).flat(), -1])
    expect([...(await data.read('order'))]).toEqual([...(passes[0] ?? []).slice(4), ...(passes[1] ?? []).slice(0, 4)])
    expect(data.info('order').shape).toEqual([3, 4])
    const cosine = (step: number) => 0.005 * (1 + Math.cos((Math.PI * (step - 2)) / 5))
    expect(data.info('learning_rates').dtype).toBe('F64')
    const bytes = (await data.readBytes('learning_rates')).slice()
    for (const [i, rate] of new Float64Array(bytes.buffer).entries()) expect(rate).toBeCloseTo(cosine(4 + i), 12)
  })

  test("names AdamW's moments as PEFT names its parameters", async () => {
    const files = await exported()
    const moments = await tensorsOf(files.get('optimizer.safetensors'))
    const saved = await tensorsOf(new Uint8Array(await readFile(at('run/checkpoint-4/training_state.safetensors'))))
    const adapter = await tensorsOf(files.get('adapter/adapter_model.safetensors'))
    const names = adapter.names.flatMap((name) => [`exp_avg.${name}`, `exp_avg_sq.${name}`])
    expect([...moments.names].sort()).toEqual(names.sort())
    for (const name of adapter.names) {
      const path = name.replace('base_model.model.', '')
      expect(await moments.readBytes(`exp_avg.${name}`)).toEqual(await saved.readBytes(`m.${path}`))
      expect(await moments.readBytes(`exp_avg_sq.${name}`)).toEqual(await saved.readBytes(`v.${path}`))
    }
  })

  test('refuses what would go on otherwise', async () => {
    await expect(exported({}, examples.slice(1))).rejects.toThrow(/the examples are not those of the run in/)
    const packed = examples.map((each) => ({ ...each, seqLengths: [2, each.inputIds.length - 2] }))
    await expect(exported({}, packed)).rejects.toThrow(/hold several documents each \(packing\), which Python's/)
    await expect(exportRecipe(at('run/checkpoint-7'), examples)).rejects.toThrow(/the run is done, with step 7/)
    await expect(exported({ processes: 0 })).rejects.toThrow(/processes must be a whole number from 1, got 0/)
  })

  test.each<[TrainerOptions, RegExp]>([
    [{ optimizer: 'sgd' }, /the run is trained by "sgd", not adamw/],
    [{ schedule: () => 1, warmup: 0 }, /the schedule is a function/],
    [{ schedule: 'reduce_lr_on_plateau', warmup: 0 }, /the schedule heeds evaluations/],
    [{ loss: (model, batch, { normalizer }) => model.loss(batch, batch.labels, normalizer) }, /a loss of its own/],
    [{ dataCollator: ownBatch }, /makes batches in a way of its own \(dataCollator\)/],
    [{ neftuneNoiseAlpha: 5 }, /puts noise on embeddings \(neftuneNoiseAlpha\)/],
    [{ labelSmoothingFactor: 0.1 }, /smooths labels \(labelSmoothingFactor\)/],
  ])('refuses a run with %j', async (options, message) => {
    const { weightDecay: _, ...others } = settings
    await trained('other', { ...others, ...options, maxSteps: 3 })
    await expect(exportRecipe(at('other/checkpoint-2'), examples, { model: 'x' })).rejects.toThrow(message)
    await rm(at('other'), { recursive: true })
  })

  test('switches dropout off where the run did, and says nothing of it then', async () => {
    await trained('still', { ...settings, disableDropout: true })
    const warnings: string[] = []
    const options = { model: 'x', onWarning: (message: string) => warnings.push(message) }
    const files = await exportRecipe(at('still/checkpoint-4'), examples, options)
    expect(JSON.parse(String(files.get('recipe.json')))).toMatchObject({ disable_dropout: true })
    expect(warnings).toEqual([])
  })

  test('refuses an option that it does not know', async () => {
    const path = at('run/checkpoint-2/trainer_state.json')
    const saved = await readFile(path, 'utf8')
    const state = JSON.parse(saved) as { readonly options: object }
    await writeFile(path, JSON.stringify({ ...state, options: { ...state.options, tomorrows: 1 } }))
    await expect(exportRecipe(at('run/checkpoint-2'), examples)).rejects.toThrow(
      'exportRecipe: the run has an option tomorrows that is not known here, which Python',
    )
    await writeFile(path, saved)
  })

  test.each<[Record<string, unknown>, RegExp]>([
    [{ peft_type: 'ADALORA' }, /the adapter is "ADALORA"; LORA, IA3, LOHA, LOKR can be exported/],
    [{ init_lora_weights: 'pissa' }, /init_lora_weights "pissa" changed the base's weights/],
  ])('refuses an adapter with %j', async (fields, message) => {
    const path = at('run/checkpoint-2/adapter_config.json')
    const config = JSON.parse(await readFile(path, 'utf8')) as object
    await writeFile(path, JSON.stringify({ ...config, ...fields }))
    await expect(exportRecipe(at('run/checkpoint-2'), examples)).rejects.toThrow(message)
    await writeFile(path, JSON.stringify(config))
  })
})

test('savedBase reads how a base is stored', () => {
  expect(savedBase('63 in f32', 'float32')).toEqual({ dtype: 'float32', quantization: null })
  const { dtype, quantization } = savedBase('24 in nf4 by 64 (double), 39 in f32', 'bfloat16')
  expect(dtype).toBe('float32')
  expect(quantization).toMatchObject({ layers: 24, config: { load_in_4bit: true, bnb_4bit_quant_type: 'nf4' } })
  expect(quantization?.config).toMatchObject({
    ...{ bnb_4bit_use_double_quant: true, bnb_4bit_compute_dtype: 'bfloat16' },
  })
  expect(savedBase('10 in bf16, 5 in f32', 'float32').dtype).toBe('bfloat16')
  for (const formats of ['8 in int8, 3 in f32', '8 in nf4 by 32, 3 in f32', '4 in fp4 by 64, 4 in nf4 by 64'])
    expect(() => savedBase(formats, 'float32')).toThrow(/and bitsandbytes goes on alike with one 4-bit type/)
})

test.each([
  [8, 8, 1, 8],
  [2, 6, 2, 1],
  [4, 16, 2, 4],
  [4, 16, 3, 3],
  [4, 4, 8, 1],
  [3, 12, 4, 3],
])('a batch of %i, %i examples a step and %i processes: %i each', (batchSize, total, processes, each) => {
  expect(perDevice(batchSize, total, processes)).toBe(each)
})
