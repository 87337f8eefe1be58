import { saveAdapter } from '../../io/adapter-folder.ts'
import { adapterGguf, type AdapterGgufOptions, saveAdapterGguf } from '../../io/gguf/lora/adapter-gguf.ts'
import type { RunDirectory } from '../../io/runs/run-store.ts'
import { adapterFiles, type AdapterFilesOptions } from '../../peft/files/adapter-files.ts'
import type { HeldAdapter } from './held.ts'

/** What can be asked of an adapter in the worker. */
export const adapterCalls = {
  adapterFiles: ({ adapter }: HeldAdapter, options?: AdapterFilesOptions) => adapterFiles(adapter, options),
  saveAdapter: ({ adapter }: HeldAdapter, place: RunDirectory, options?: AdapterFilesOptions) =>
    saveAdapter(adapter, place, options),
  adapterGguf: ({ adapter }: HeldAdapter, options?: AdapterGgufOptions) => adapterGguf(adapter, options),
  saveAdapterGguf: ({ adapter }: HeldAdapter, path: string, options?: AdapterGgufOptions) =>
    saveAdapterGguf(adapter, path, options),
  setEnabled: ({ adapter }: HeldAdapter, isEnabled: boolean) => adapter.setEnabled(isEnabled),
  setRequiresGrad: ({ adapter }: HeldAdapter, isTrainable: boolean) => adapter.setRequiresGrad(isTrainable),
  detach: ({ adapter }: HeldAdapter): void => adapter.detach(),
}
