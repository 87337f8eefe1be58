import { check } from '../core/errors.ts'
import { openDevice } from '../device/open-device.ts'
import { storageTypes } from '../formats/formats.ts'
import { openAdapter } from '../io/adapter-folder.ts'
import { type LoadedModel, loadModel } from '../io/load/load-model.ts'
import { type CommandContext, namesOf, oneOf } from './command.ts'
import { engineFlags, readEngine } from './engine-words.ts'

/** Flags that say how a model is loaded, and which adapter is put on it. */
export const modelFlags = {
  adapter: { type: 'string' },
  'ignore-fields': { type: 'string' },
  quantize: { type: 'string' },
  dtype: { type: 'string', default: 'f32' },
  ...engineFlags,
} as const

interface ModelWords {
  readonly adapter?: string | undefined
  readonly 'ignore-fields'?: string | undefined
  readonly quantize?: string | undefined
  readonly dtype: string
  readonly device: string
  readonly build: string
}

/** An adapter, and what it is to be called where that matters. */
export interface NamedAdapter {
  readonly source: string
  readonly name?: string
}

/** What the flags ask for. @throws UsageError. */
export function readModelFlags({ adapter, quantize, dtype, device, build, ...rest }: ModelWords) {
  const adapters: readonly NamedAdapter[] = adapter === undefined ? [] : [{ source: adapter }]
  return {
    adapters,
    ignoreFields: namesOf(rest['ignore-fields']),
    type: quantize === undefined ? null : oneOf('quantize', quantize, storageTypes()),
    dtype: oneOf('dtype', dtype, ['f32', 'f16', 'bf16']),
    engine: readEngine({ device, build }),
  }
}

/**
 * Opens a device, the model at `source` on it and the adapters, for `use`, and disposes of the device behind it.
 * @param who Begins the error where there is no tokenizer. @throws MedAwareError as `loadModel` and `openAdapter`.
 */
export async function withAdaptedModel<T>(
  who: string,
  source: string,
  { adapters, ignoreFields, type, dtype, engine }: ReturnType<typeof readModelFlags>,
  { signal, progress }: CommandContext,
  use: (model: LoadedModel['model'], tokenizer: NonNullable<LoadedModel['tokenizer']>, name: string) => Promise<T>,
): Promise<T> {
  const { device } = await openDevice(engine)
  try {
    const { model, tokenizer, name } = await loadModel(source, {
      ...{ device, dtype, signal, onProgress: progress.load, onWarning: progress.warn },
      ...(type !== null && { quantize: { type } }),
    })
    check(tokenizer !== null, 'not-found', () => `${who}: ${name} has no tokenizer.json`)
    const told = { onDownload: progress.load, onWarning: progress.warn }
    for (const { source: folder, ...named } of adapters) {
      await openAdapter(model, folder, { device, signal, ignoreFields, ...told, ...named })
    }
    return await use(model, tokenizer, name)
  } finally {
    device.dispose()
  }
}
