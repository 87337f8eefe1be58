import { MedAwareError } from '../../src/core/errors.ts'
import { type Folder, readText } from '../../src/io/sources/folder.ts'
import type { PretrainedLm } from '../../src/models/causal-lm.ts'
import { planAdapter } from '../../src/peft/adapter-plan.ts'
import type { Adapter } from '../../src/peft/adapter.ts'
import { attach } from '../../src/peft/attach.ts'
import { parseAdapterConfig } from '../../src/peft/config/adapter-config.ts'
import { defaultName } from '../../src/peft/layers/adapted-layer.ts'
import { loadAdapter } from '../../src/peft/files/adapter-files.ts'
import { openSafetensors, type TensorReader } from '../../src/safetensors/reader.ts'
import { bytesSource } from '../../src/safetensors/source.ts'
import type { Tensor } from '../../src/tensor/tensor.ts'

/** A folder of an adapter that PEFT saved, and what PEFT computes with it. */
export interface GoldenAdapter {
  /** adapter_config.json. */
  readonly config: string
  /** adapter_model.safetensors. */
  readonly weights: Uint8Array
  readonly reference: TensorReader
}

/** An adapter on a model, and what is trained of it by PEFT's names of parameters, without the adapter's name. */
export interface OpenAdapter {
  readonly adapter: Adapter
  readonly parameters: ReadonlyMap<string, Tensor>
  /** Why it cannot be trained further by its file, where that is so. */
  readonly untrainable: string | null
}

/** Reads a folder of adapter_config.json, adapter_model.safetensors and reference.safetensors. */
export async function readGoldenAdapter(folder: Folder): Promise<GoldenAdapter> {
  const bytesOf = async (name: string): Promise<Uint8Array> => {
    const source = await folder.open(name)
    const bytes = await source.read(0, source.byteLength)
    await source.close?.()
    return bytes.slice()
  }
  return {
    config: await readText(folder, 'adapter_config.json'),
    weights: await bytesOf('adapter_model.safetensors'),
    reference: await openSafetensors(bytesSource(await bytesOf('reference.safetensors'))),
  }
}

/** Whether the adapter's file has only what an encoder made, and the reference the encoder's weights. */
export function isEncoded({ reference }: GoldenAdapter): boolean {
  return reference.names.some((name) => name.startsWith('weights.'))
}

/** Puts the adapter on a model, to be trained further. */
export async function openGoldenAdapter(model: PretrainedLm, golden: GoldenAdapter): Promise<OpenAdapter> {
  const json: unknown = JSON.parse(golden.config)
  const { method, config } = parseAdapterConfig(json, model)
  const isSaved = !isEncoded(golden)
  const reader = await openSafetensors(bytesSource(golden.weights))
  const found = { who: 'openGoldenAdapter', isPartialOk: true, ...(isSaved && { savedKeys: reader.names }) }
  const plan = planAdapter(method, model, config, found)
  const untrainable = isSaved ? refusal(() => method.checkTrainable?.(config, 'training')) : null
  const trainable = untrainable === null
  const adapter = isSaved ? await loadAdapter(model, json, reader, { trainable }) : attach(plan, null)
  const nameOf = (key: string) => (plan.parameterNames.get(key) ?? key).replace(`.${defaultName}`, '')
  const named = [...adapter.namedTrainableParameters()].map(([key, tensor]) => [nameOf(key), tensor] as const)
  if (!isSaved) for (const [name, tensor] of named) tensor.write(await golden.reference.readF32(`weights.${name}`))
  return { adapter, parameters: new Map(named), untrainable }
}

/** What an error of ours says; `null` where there is none. */
function refusal(work: () => void): string | null {
  try {
    work()
    return null
  } catch (error) {
    if (error instanceof MedAwareError) return error.message
    throw error
  }
}
