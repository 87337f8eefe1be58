import { check } from '../core/errors.ts'
import { sameShape, showShape } from '../core/shape.ts'
import type { Module } from '../nn/module.ts'
import type { TensorReader } from '../safetensors/reader.ts'
import { writeSafetensors } from '../safetensors/writer.ts'
import { formatAdapterConfig, parseAdapterConfig } from './adapter-config.ts'
import type { Adapter } from './adapter.ts'
import { attachLora, type AttachOptions } from './attach.ts'
import { formatModelCard } from './model-card.ts'

/** What an adapter's files say besides its weights. */
export interface AdapterFilesOptions {
  /** Name or path of the model it belongs to. Default: its config's baseModelNameOrPath. */
  readonly baseModel?: string
  /** Markdown of the model card. Default: how to load the adapter with PEFT. */
  readonly card?: string
}

/** How an adapter is loaded. */
export interface LoadAdapterOptions extends Pick<AttachOptions, 'device'> {
  /** Whether to train it further. Default false. */
  readonly trainable?: boolean
  /** Told of fields of the config that this library does not know, when there are any. */
  readonly onIgnored?: (fields: readonly string[]) => void
}

/**
 * The folder that PEFT saves of an adapter: adapter_config.json, adapter_model.safetensors (f32) and README.md, by name.
 * @throws MedAwareError `device`.
 */
export async function adapterFiles(
  adapter: Adapter,
  options: AdapterFilesOptions = {},
): Promise<Map<string, Uint8Array>> {
  const baseModel = options.baseModel ?? adapter.config.baseModelNameOrPath
  const tensors = []
  for (const [name, tensor] of adapter.namedTrainable()) {
    tensors.push({ name, dtype: 'F32', shape: tensor.shape, data: await tensor.read() } as const)
  }
  const utf8 = new TextEncoder()
  return new Map([
    ['adapter_config.json', utf8.encode(formatAdapterConfig({ ...adapter.config, baseModelNameOrPath: baseModel }))],
    ['adapter_model.safetensors', writeSafetensors(tensors, { format: 'pt' })],
    ['README.md', utf8.encode(formatModelCard(baseModel, options.card))],
  ])
}

/**
 * Replaces an adapter's weights by those of an adapter_model.safetensors. All are read before the first is replaced.
 * @throws MedAwareError `format` where keys are missing or unexpected or shapes differ; it lists them.
 */
export async function loadAdapterWeights(adapter: Adapter, reader: TensorReader): Promise<void> {
  const wanted = adapter.namedTrainable()
  const shapes = [...wanted].flatMap(([key, { shape }]) => {
    const there = reader.has(key) ? reader.info(key).shape : shape
    return sameShape(there, shape) ? [] : [`${key} ${showShape(there)} where the model needs ${showShape(shape)}`]
  })
  const problems = [
    listed(
      'missing',
      [...wanted.keys()].filter((key) => !reader.has(key)),
    ),
    listed(
      'unexpected',
      reader.names.filter((key) => !wanted.has(key)),
    ),
    listed('of another shape', shapes),
  ].filter((problem) => problem !== '')
  check(problems.length === 0, 'format', () => {
    return `loadAdapterWeights: the file does not fit the adapter, whose tensors are ${wanted.size}: ${problems.join('; ')}`
  })
  const values = new Map<string, Float32Array>()
  for (const key of wanted.keys()) values.set(key, await reader.readF32(key))
  for (const [key, tensor] of wanted) tensor.write(values.get(key) ?? new Float32Array(0))
}

/**
 * Attaches an adapter that PEFT or this library saved. Names in its config that match nothing are passed over, for every
 * tensor of the file must find its place. On failure the model is as before.
 * @throws MedAwareError as `parseAdapterConfig`, `attachLora` and `loadAdapterWeights`.
 */
export async function loadAdapter(
  model: Module,
  configJson: unknown,
  reader: TensorReader,
  { device, trainable = false, onIgnored }: LoadAdapterOptions,
): Promise<Adapter> {
  const { config, ignored } = parseAdapterConfig(configJson)
  const adapter = attachLora(model, config, { device, isPartialOk: true })
  try {
    await loadAdapterWeights(adapter, reader)
  } catch (error) {
    adapter.detach()
    throw error
  }
  adapter.setTrainable(trainable)
  if (ignored.length > 0) onIgnored?.(ignored)
  return adapter
}

/** `missing 7: a, b, c, d, e, …` */
function listed(what: string, items: readonly string[]): string {
  if (items.length === 0) return ''
  return `${what} ${items.length}: ${items.slice(0, 5).join(', ')}${items.length > 5 ? ', …' : ''}`
}
