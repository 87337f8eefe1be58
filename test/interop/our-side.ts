import { valueAndGrad } from '../../src/autograd/value-and-grad.ts'
import { MedAwareError } from '../../src/core/errors.ts'
import type { Device } from '../../src/device/device.ts'
import { openAdapter, saveAdapter } from '../../src/io/adapter-folder.ts'
import { replaceLoraWeightsLoftq } from '../../src/io/replace-lora-weights-loftq.ts'
import { loadModel } from '../../src/io/load/load-model.ts'
import type { PretrainedLm, TokenBatch } from '../../src/models/causal-lm.ts'
import type { Adapter } from '../../src/peft/adapter.ts'
import { attachAdapter } from '../../src/peft/attach.ts'
import type { StartBatch } from '../../src/peft/lora/starts/data/batches.ts'
import { startLora } from '../../src/peft/lora/starts/start-lora.ts'
import { TrainingRun } from '../../src/train/training-run.ts'
import { logitsOf } from '../golden/model-checks.ts'
import { type PeftConfig, type Row, steps } from './methods.ts'

/** Tokens and what is to follow them. */
export interface Inputs {
  readonly batch: TokenBatch
  readonly labels: Int32Array
}

/** What a model with an adapter computes here. */
export interface OurNumbers {
  readonly logits: Float32Array
  /** By PEFT's keys. Empty where they are not asked for. */
  readonly gradients: ReadonlyMap<string, Float32Array>
  /** Logits of the merged model; the error's sentence where it cannot be merged. */
  readonly merged: Float32Array | string
}

/** Reads an adapter that PEFT saved. */
export async function readTheirs(device: Device, base: string, folder: string, { batch }: Inputs): Promise<OurNumbers> {
  return withModel(device, base, async (model) => {
    const adapter = await openAdapter(model, folder)
    return {
      logits: await logitsOf(model, batch),
      gradients: new Map(),
      merged: await mergedLogits(model, adapter, batch),
    }
  })
}

/** What is trained here. */
export interface OurTraining extends Pick<Row, 'convert' | 'savesOthers' | 'fromData'> {
  readonly config: PeftConfig
  /** A folder of the weights whose loss in the base A and B begin as. */
  readonly source: string | null
}

/** Trains an adapter for a few steps, saves it for PEFT, and says what it computes. */
export async function trainOurs(
  device: Device,
  base: string,
  folder: string,
  { config, source, convert = false, savesOthers = false, fromData = false }: OurTraining,
  inputs: Inputs,
): Promise<OurNumbers> {
  return withModel(device, base, async (model) => {
    const { peftType, ...fields } = camelCase(config)
    const options = { seed: 7 }
    const adapter =
      peftType === 'LORA'
        ? await startLora(model, fields, { ...options, ...(fromData && { batches: [startBatchOf(inputs)] }) })
        : attachAdapter(model, { peftType, ...fields }, options)
    if (source !== null) await replaceLoraWeightsLoftq(adapter, source)
    const run = new TrainingRun(model, examplesOf(inputs), { maxSteps: steps, batchSize: 2, learningRate: 1e-2 })
    for await (const { loss } of run) if (!Number.isFinite(loss)) throw new Error(`the loss is ${loss}`)
    run.dispose()
    await saveAdapter(adapter, folder, { convertToPlainLora: convert })
    const logits = await logitsOf(model, inputs.batch)
    const gradients = savesOthers ? new Map<string, Float32Array>() : await gradientsOf(model, adapter, inputs)
    return { logits, gradients, merged: await mergedLogits(model, adapter, inputs.batch) }
  })
}

async function withModel<T>(device: Device, base: string, use: (model: PretrainedLm) => Promise<T>): Promise<T> {
  const { model } = await loadModel(base, { device })
  try {
    return await use(model)
  } finally {
    model.dispose()
  }
}

async function mergedLogits(model: PretrainedLm, adapter: Adapter, batch: TokenBatch): Promise<Float32Array | string> {
  try {
    adapter.merge()
  } catch (error) {
    if (error instanceof MedAwareError) return error.message
    throw error
  }
  return logitsOf(model, batch)
}

async function gradientsOf(
  model: PretrainedLm,
  adapter: Adapter,
  { batch, labels }: Inputs,
): Promise<ReadonlyMap<string, Float32Array>> {
  const scope = model.device.memory.open()
  try {
    const { grads } = valueAndGrad(model, () => model.loss(batch, labels))(null)
    const gradients = new Map<string, Float32Array>()
    for (const [key, tensor] of adapter.namedTrainableParameters()) {
      gradients.set(key, (await grads.get(tensor)?.read()) ?? new Float32Array())
    }
    return gradients
  } finally {
    scope.close()
  }
}

function startBatchOf({ batch: { inputIds, shape }, labels }: Inputs): StartBatch {
  if (inputIds === undefined) throw new Error('the batch has no ids')
  return { inputIds, shape, labels }
}

function examplesOf(inputs: Inputs) {
  const { inputIds, shape } = startBatchOf(inputs)
  const { labels } = inputs
  const [rows, width] = shape
  return Array.from({ length: rows }, (_, row) => {
    const part = (values: Int32Array) => values.slice(row * width, (row + 1) * width)
    return { inputIds: part(inputIds), labels: part(labels) }
  })
}

/** A config's fields as this library has them. */
function camelCase({ peft_type: peftType, ...fields }: PeftConfig): { peftType: string; [field: string]: unknown } {
  return { peftType, ...camelFields(fields) }
}

function camelFields(fields: object): Readonly<Record<string, unknown>> {
  const entries = Object.entries(fields).map(([name, value]: [string, unknown]) => {
    const camel = name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
    // The names in other objects are the model's.
    const isConfig = name.endsWith('_config') && typeof value === 'object' && value !== null
    return [camel, isConfig ? camelFields(value) : value]
  })
  return Object.fromEntries(entries) as Readonly<Record<string, unknown>>
}
