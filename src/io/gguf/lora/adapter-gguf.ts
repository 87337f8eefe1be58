import {
  callback,
  listOf,
  oneOf,
  type OptionRules,
  readArgument,
  readOptions,
  text,
  that,
} from '../../../core/options.ts'
import type { Adapter } from '../../../peft/adapter.ts'
import { adapterRule } from '../../../peft/files/adapter-files.ts'
import { folderOptions, type HubFolderOptions, hubFolderRules } from '../../huggingface/hub-folder-options.ts'
import type { Source } from '../../sources/open-folder.ts'
import type { LoraToWrite } from './lora-gguf.ts'
import { liveLora, withSavedLora } from './lora-sources.ts'
import { bytesOfGguf, ggufPlace, writeGguf } from '../write-gguf.ts'

/** How an adapter is written as GGUF. */
export interface AdapterGgufOptions {
  /** Of A and B; llama.cpp takes both. convert_lora_to_gguf.py's --outtype. Default 'f32'. */
  readonly dtype?: 'f32' | 'f16'
  /** Told what is odd about the adapter. Default: nobody. */
  readonly onWarning?: (message: string) => void
}

/** How the folder of an adapter is converted. */
export interface ConvertLoraToGgufOptions extends AdapterGgufOptions, HubFolderOptions {
  /** The model that it belongs to, of which config.json alone is read. Default: what adapter_config.json names. */
  readonly base?: Source
  /** Fields of adapter_config.json to pass over, though they are not known here. Default none. */
  readonly ignoreFields?: readonly string[]
}

/** What was written. */
export interface ConvertedLora {
  /** Weights that have an A and a B. */
  readonly layers: number
  readonly bytes: number
}

const rules: OptionRules<AdapterGgufOptions> = { dtype: oneOf(['f32', 'f16']), onWarning: callback() }
const convertRules: OptionRules<ConvertLoraToGgufOptions> = {
  ...{ ...rules, ...hubFolderRules },
  base: that('a folder, an address or files', (value): value is Source => value !== null && value !== ''),
  ignoreFields: listOf(text),
}
const aliases = { outtype: 'dtype' } as const

/**
 * A LoRA adapter as a GGUF file for llama.cpp, tensor for tensor as its convert_lora_to_gguf.py makes it of what PEFT
 * saves; of Llama, Mistral, Qwen2, Qwen3, Gemma 3 and SmolLM3. Adapters that started from the base's weights are made
 * plain ones first (`convertToPlainLora`). The adapter stays as it is.
 * @throws MedAwareError `unsupported` for what llama.cpp cannot apply, with the way out: other methods and DoRA
 * (`saveAsLora`), trained biases, tokens and whole modules (`mergeAndUnload`), other architectures; `config` for an
 * adapter that was detached or merged, or bad options; `numeric` for what f16 has no number for; `device`.
 */
export async function adapterGguf(adapter: Adapter, options: AdapterGgufOptions = {}): Promise<Uint8Array> {
  return bytesOfGguf(await fileOf('adapterGguf', adapter, options))
}

/**
 * Writes `adapterGguf` to a file (Node only), whole or not at all.
 * @throws MedAwareError as `adapterGguf`, `config` for a path that does not end in .gguf, `disk`.
 */
export async function saveAdapterGguf(adapter: Adapter, path: string, options: AdapterGgufOptions = {}): Promise<void> {
  const place = ggufPlace('saveAdapterGguf', path)
  await writeGguf(place, await fileOf('saveAdapterGguf', adapter, options))
}

/**
 * Converts an adapter that PEFT or this library saved, from a folder or the Hub, to a GGUF file at `path` (Node only):
 * llama.cpp's convert_lora_to_gguf.py. The base is not loaded, and tensors are read one at a time.
 * @throws MedAwareError as `saveAdapterGguf`; `not-found`, `format` and `network` for what is read.
 */
export async function convertLoraToGguf(
  source: Source,
  path: string,
  options: ConvertLoraToGgufOptions = {},
): Promise<ConvertedLora> {
  const who = 'convertLoraToGguf'
  const place = ggufPlace(who, path)
  const { dtype = 'f32', base, ignoreFields = [], onWarning, ...hub } = readOptions(who, options, convertRules, aliases)
  const own = { ...{ who, dtype, base, ignoreFields, onWarning }, folder: folderOptions(hub) }
  return withSavedLora(source, own, async (file) => {
    await writeGguf(place, file)
    return { layers: file.layers, bytes: file.byteLength }
  })
}

async function fileOf(who: string, given: Adapter, options: AdapterGgufOptions): Promise<LoraToWrite> {
  const adapter = readArgument(who, 'adapter', given, adapterRule)
  const { dtype = 'f32', onWarning } = readOptions(who, options, rules, aliases)
  adapter.checkAttached(who)
  return liveLora(who, adapter, dtype, onWarning)
}
