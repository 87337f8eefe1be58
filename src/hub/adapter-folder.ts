import type { Module } from '../nn/module.ts'
import { adapterFiles, loadAdapter, type AdapterFilesOptions, type LoadAdapterOptions } from '../peft/adapter-files.ts'
import type { Adapter } from '../peft/adapter.ts'
import { openTensors, readJson, writeFolder } from './folder.ts'
import { folderOptions, type HubFolderOptions } from './hub-folder.ts'
import { openFolder, type Source } from './open-folder.ts'

/** Writes an adapter as PEFT does: adapter_config.json, adapter_model.safetensors and README.md (Node only). */
export async function saveAdapter(adapter: Adapter, path: string, options: AdapterFilesOptions = {}): Promise<void> {
  await writeFolder(path, await adapterFiles(adapter, options))
}

/**
 * Attaches an adapter that PEFT or this library saved, from a folder or the Hugging Face Hub.
 * @throws MedAwareError as `loadAdapter`, `not-found` for a folder without the two files, `network`.
 */
export async function openAdapter(
  model: Module,
  source: Source,
  options: LoadAdapterOptions & HubFolderOptions,
): Promise<Adapter> {
  const folder = await openFolder(source, folderOptions(options))
  const config = await readJson(folder, 'adapter_config.json')
  const reader = await openTensors(folder, 'adapter_model.safetensors')
  try {
    return await loadAdapter(model, config, reader, options)
  } finally {
    await reader.close()
  }
}
