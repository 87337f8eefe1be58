import { check } from '../../../core/errors.ts'
import { readArgument } from '../../../core/options.ts'
import { parseModelConfig } from '../../../models/architectures.ts'
import { type ModelConfig, modelRule } from '../../../models/causal-lm.ts'
import { TiedHead } from '../../../nn/language-head.ts'
import type { Adapter } from '../../../peft/adapter.ts'
import { checkKnown, parseAdapterConfig } from '../../../peft/config/adapter-config.ts'
import { type AdapterConfig, configFile } from '../../../peft/config/config-fields.ts'
import { adapterFiles } from '../../../peft/files/adapter-files.ts'
import { openSafetensors, type TensorReader } from '../../../safetensors/reader.ts'
import { bytesSource } from '../../../safetensors/source.ts'
import { withAdapterFolder } from '../../adapter-folder.ts'
import type { HubFolderOptions } from '../../huggingface/hub-folder-options.ts'
import { readModelConfig } from '../../sources/folder.ts'
import { openFolder, type Source } from '../../sources/open-folder.ts'
import { applicableLora, productOnly } from './applicable-lora.ts'
import type { LoraToWrite } from './lora-gguf.ts'
import { loraPairs, scaledAlpha } from './lora-pairs.ts'

type DType = 'f32' | 'f16'

/** What becomes of an adapter that is on a model. */
export async function liveLora(
  who: string,
  adapter: Adapter,
  dtype: DType,
  onWarning: ((message: string) => void) | undefined,
): Promise<LoraToWrite> {
  const model = readArgument(who, "the adapter's model", adapter.model, modelRule)
  const base = { ...model.config, tieWordEmbeddings: model.getOutputEmbeddings() instanceof TiedHead }
  // What it began with is taken out of it below.
  productOnly(who, adapter.config)
  const files = await adapterFiles(adapter, { convertToPlainLora: true, ...(onWarning && { onWarning }) })
  const bytesOf = (name: string) => files.get(name) ?? new Uint8Array(0)
  const { config } = parseAdapterConfig(new TextDecoder().decode(bytesOf(configFile)))
  const tensors = await openSafetensors(bytesSource(bytesOf('adapter_model.safetensors')))
  return fileOf(who, config, tensors, { base, dtype })
}

/** What a saved adapter is made into, and by what it is read. */
export interface SavedLora {
  readonly who: string
  readonly dtype: DType
  readonly base: Source | undefined
  readonly ignoreFields: readonly string[]
  readonly onWarning: ((message: string) => void) | undefined
  readonly folder: HubFolderOptions
}

/** What becomes of an adapter of a folder, for some work while that is open. */
export async function withSavedLora<T>(
  source: Source,
  { who, dtype, base, ignoreFields, onWarning, folder }: SavedLora,
  use: (file: LoraToWrite) => Promise<T>,
): Promise<T> {
  return withAdapterFolder(source, folder, async (json, tensors) => {
    const parsed = parseAdapterConfig(json)
    const { config } = parsed
    checkKnown(parsed, ignoreFields, onWarning)
    const { baseModelNameOrPath: name, revision } = config
    const named = name !== null && revision !== null && /^[\w.-]+\/[\w.-]+$/.test(name) ? `${name}@${revision}` : name
    const from = base ?? named
    check(from !== null, 'config', () => {
      return `${who}: ${configFile} names no base model; pass base, whose config.json says how it is written`
    })
    const baseConfig = parseModelConfig(await readModelConfig(await openFolder(from, folder)))
    return use(await fileOf(who, config, tensors, { base: baseConfig, dtype }))
  })
}

/** What writes GGUF is loaded with the first such file, apart from all that knows adapters. */
async function fileOf(
  who: string,
  config: AdapterConfig,
  tensors: TensorReader,
  to: { readonly base: ModelConfig; readonly dtype: DType },
): Promise<LoraToWrite> {
  const lora = applicableLora(who, config)
  const { loraGguf } = await import('./lora-gguf.ts')
  return loraGguf({
    ...{ who, tensors, ...to, baseModel: config.baseModelNameOrPath },
    alpha: scaledAlpha(lora, lora.loraAlpha, lora.r),
    pairs: loraPairs(who, lora, tensors),
  })
}
