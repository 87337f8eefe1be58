import { check } from '../core/errors.ts'
import { type OptionRules, readArgument, readOptions, text } from '../core/options.ts'
import {
  adapterFiles,
  type AdapterFilesOptions,
  adapterFilesRules,
  loadAdapter,
  type LoadAdapterOptions,
  loadAdapterRules,
} from '../peft/files/adapter-files.ts'
import { hotswap, type HotswapOptions, hotswapRules } from '../peft/files/hotswap.ts'
import {
  conversionRules,
  convertToLora,
  type LoraConversion,
  type LoraConversionOptions,
} from '../peft/several/convert/convert-to-lora.ts'
import type { TensorReader } from '../safetensors/reader.ts'
import type { Adapter } from '../peft/adapter.ts'
import type { Adaptable } from '../peft/adaptable.ts'
import { keepCard } from './card-file.ts'
import { type RunDirectory, runStore } from './runs/run-store.ts'
import { diskFolder, type Folder, openTensors, readJson, writeFolder } from './sources/folder.ts'
import { folderOptions, type HubFolderOptions, hubFolderRules } from './huggingface/hub-folder-options.ts'
import { openFolder, type Source } from './sources/open-folder.ts'

/** How an adapter is opened. */
export interface OpenAdapterOptions extends LoadAdapterOptions, HubFolderOptions {}

/** How another adapter's weights are put into one. */
export interface HotswapAdapterOptions extends HotswapOptions, HubFolderOptions {}

const hotswapAdapterRules: OptionRules<HotswapAdapterOptions> = { ...hotswapRules, ...hubFolderRules }
const rules: OptionRules<OpenAdapterOptions> = { ...loadAdapterRules, ...hubFolderRules }

/**
 * Writes an adapter as PEFT does: adapter_config.json, adapter_model.safetensors and README.md, into a directory: its
 * path (Node), where all of them are written or, where one cannot be, none; or the handle of one that a page has. An
 * adapter that is there is replaced; a README.md that somebody wrote or edited is kept with its metadata brought up to
 * date, as PEFT does, and `onWarning` told.
 * @throws MedAwareError `config` for an adapter that was detached or merged, or bad options; `disk`, `device`;
 * `unsupported` for a path in a page.
 */
export async function saveAdapter(
  adapter: Adapter,
  place: RunDirectory,
  options: AdapterFilesOptions = {},
): Promise<void> {
  const store = runStore('saveAdapter', place, 'path')
  const given = readOptions('saveAdapter', options, adapterFilesRules)
  const files = await adapterFiles(adapter, given)
  await store.write('', await keepCard(store.open(), files, given.onWarning))
}

/**
 * Writes a LoRA adapter that does nearly what one of another method does: `convertToLora`, and `saveAdapter` of what it
 * makes. PEFT's save_as_lora. @returns What survived, layer by layer. @throws MedAwareError as both.
 */
export async function saveAsLora(
  adapter: Adapter,
  path: string,
  options: LoraConversionOptions,
): Promise<LoraConversion> {
  readArgument('saveAsLora', 'path', path, text)
  const made = await convertToLora(adapter, readOptions('saveAsLora', options, conversionRules))
  await writeFolder(path, await keepCard(diskFolder(path), made.files))
  return made
}

/**
 * Attaches an adapter that PEFT or this library saved, from a folder or the Hugging Face Hub.
 * @throws MedAwareError as `loadAdapter`, `not-found` for a folder without the two files, `network`.
 */
export async function openAdapter(
  model: Adaptable,
  source: Source,
  options: OpenAdapterOptions = {},
): Promise<Adapter> {
  const given = readOptions('openAdapter', options, rules)
  const { device, name, trainable = false, ignoreFields = [], onWarning } = given
  const told = { ...(onWarning && { onWarning }), ...(name !== undefined && { name }) }
  const own = { ...(device && { device }), ...told }
  return withAdapterFolder(source, given, (config, reader) =>
    loadAdapter(model, config, reader, { ...own, trainable, ignoreFields }),
  )
}

/**
 * Puts the weights of another adapter into a live one, from a folder or the Hugging Face Hub, without a new allocation:
 * PEFT's hotswap_adapter. @throws MedAwareError as `hotswap`, `not-found` for a folder without the two files,
 * `network`.
 */
export async function hotswapAdapter(
  adapter: Adapter,
  source: Source,
  options: HotswapAdapterOptions = {},
): Promise<void> {
  const given = readOptions('hotswapAdapter', options, hotswapAdapterRules)
  const { ignoreFields = [], onWarning } = given
  await withAdapterFolder(source, given, (config, reader) =>
    hotswap(adapter, config, reader, { ignoreFields, ...(onWarning && { onWarning }) }),
  )
}

/** Opens an adapter's two files for some work. */
export async function withAdapterFolder<T>(
  source: Source,
  options: HubFolderOptions,
  use: (config: unknown, reader: TensorReader) => Promise<T>,
): Promise<T> {
  const folder = await openFolder(source, folderOptions(options))
  const config = await readJson(folder, 'adapter_config.json')
  await checkNoPickle(folder)
  const reader = await openTensors(folder, 'adapter_model.safetensors')
  try {
    return await use(config, reader)
  } finally {
    await reader.close()
  }
}

/** An adapter's weights that are only there as a pickle are not read. */
async function checkNoPickle(folder: Folder): Promise<void> {
  const isReadable = (await folder.has('adapter_model.safetensors')) || !(await folder.has('adapter_model.bin'))
  check(isReadable, 'not-found', () => {
    const convert = 'load it in PEFT and save it with model.save_pretrained(folder, safe_serialization=True)'
    return `${folder.name}: no adapter_model.safetensors; it has adapter_model.bin, a pickle, which can run code when it is read: ${convert}`
  })
}
