import { valueAndGrad } from '../../src/autograd/value-and-grad.ts'
import { MedAwareError } from '../../src/core/errors.ts'
import type { Device } from '../../src/device/device.ts'
import { openAdapter, saveAdapter } from '../../src/io/adapter-folder.ts'
import { loadModel } from '../../src/io/load/load-model.ts'
import type { PretrainedLm, TokenBatch } from '../../src/models/causal-lm.ts'
import type { Adapter } from '../../src/peft/adapter.ts'
import { attachAdapter } from '../../src/peft/attach.ts'
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

/** Trains an adapter for a few steps, saves it for PEFT, and says what it computes. */
export async function trainOurs(
  device: Device,
  base: string,
  folder: string,
  {
    config,
    convert = false,
    savesOthers = false,
  }: Pick<Row, 'convert' | 'savesOthers'> & { readonly config: PeftConfig },
  inputs: Inputs,
): Promise<OurNumbers> {
  return withModel(device, base, async (model) => {
    const { peftType, ...fields } = camelCase(config)
    const options = { seed: 7 }
    const adapter =
      peftType === 'LORA'
        ? await startLora(model, fields, options)
        : attachAdapter(model, { peftType, ...fields }, options)
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

function examplesOf({ batch, labels }: Inputs) {
  const { inputIds, shape } = batch
  const [rows, width] = shape
  if (inputIds === undefined) throw new Error('the batch has no ids')
  return Array.from({ length: rows }, (_, row) => {
    const part = (values: Int32Array) => values.slice(row * width, (row + 1) * width)
    return { inputIds: part(inputIds), labels: part(labels) }
  })
}

/** A config's fields as this library has them. */
function camelCase({ peft_type: peftType, ...fields }: PeftConfig): { peftType: string; [field: string]: unknown } {
  const camel = (name: string) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
  return { peftType, ...Object.fromEntries(Object.entries(fields).map(([name, value]) => [camel(name), value])) }
}
