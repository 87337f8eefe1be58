import {
  callback,
  flag,
  either,
  listOf,
  oneOf,
  type OptionRules,
  readArgument,
  readOptions,
  text,
  withMethods,
} from '../../core/options.ts'
import { deviceRule } from '../../device/device.ts'
import type { TensorReader } from '../../safetensors/reader.ts'
import { writeSafetensors } from '../../safetensors/writer.ts'
import { checkKnown, parseAdapterConfig } from '../config/adapter-config.ts'
import { type CardContent, cardRules } from '../card/card-content.ts'
import { formatModelCard } from '../card/model-card.ts'
import { type Adaptable, adaptableRule, checkDevice } from '../adaptable.ts'
import type { AdapterMethod, AsPlain, SavedAdapter } from '../adapter-method.ts'
import type { Adapter } from '../adapter.ts'
import { isAsStarted } from '../as-started.ts'
import { type AdapterConfig, configFile } from '../config/config-fields.ts'
import { nameRule, planAdapter } from '../adapter-plan.ts'
import { attach, type AttachOptions } from '../attach.ts'
import { defaultName } from '../layers/adapted-layer.ts'
import { keysIn } from './file-keys.ts'
import { otherBase } from './other-base.ts'
import { differingRepeats } from './repeated-tensors.ts'
import { savedTensors } from './saved-tensors.ts'

/** What an adapter's files say besides its weights. */
export interface AdapterFilesOptions extends CardContent {
  /** Name or path of the model it belongs to. Default: its config's baseModelNameOrPath. */
  readonly baseModel?: string
  /**
   * Save an adapter that started from the base's weights (PiSSA, OLoRA) as a plain one of twice the rank, which fits
   * the base as it is: PEFT's path_initial_model_for_weight_conversion. Others are saved as they are. With 'auto' only
   * where nobody who loads the file can begin again from the same base (CorDA, and all starts over a quantised base).
   * Default false.
   */
  readonly convertToPlainLora?: AsPlain
  /** Told where nothing has trained the adapter since it was attached. Default: nobody. */
  readonly onWarning?: (message: string) => void
}

/** How an adapter is loaded. */
export interface LoadAdapterOptions extends Pick<AttachOptions, 'device' | 'name' | 'onWarning'> {
  /** Whether to train it further. Default false. */
  readonly trainable?: boolean
  /**
   * Fields of its config to pass over, though this library does not know what they change; they are saved again with
   * the adapter. Default none.
   */
  readonly ignoreFields?: readonly string[]
}

/** An adapter that a caller gives. */
export const adapterRule = withMethods<Adapter>('an adapter, as attachLora, attachAdapter and openAdapter give', [
  'namedTrainableParameters',
  'checkAttached',
])

/** The rules of `AdapterFilesOptions`. */
export const adapterFilesRules: OptionRules<AdapterFilesOptions> = {
  baseModel: text,
  ...cardRules,
  onWarning: callback(),
  convertToPlainLora: either(flag, oneOf(['auto'])),
}

/** The rules of `LoadAdapterOptions`. */
export const loadAdapterRules: OptionRules<LoadAdapterOptions> = {
  device: deviceRule,
  name: nameRule,
  trainable: flag,
  ignoreFields: listOf(text),
  onWarning: callback(),
}

/**
 * The folder that PEFT saves of an adapter: adapter_config.json, adapter_model.safetensors (f32) and README.md, by
 * name.
 * @throws MedAwareError `config` for an adapter that was detached or merged, or bad options; `unsupported` for one that
 * only `convertToPlainLora` saves; `device`.
 */
export async function adapterFiles(
  adapter: Adapter,
  options: AdapterFilesOptions = {},
): Promise<Map<string, Uint8Array>> {
  readArgument('adapterFiles', 'adapter', adapter, adapterRule)
  const given = readOptions('adapterFiles', options, adapterFilesRules)
  adapter.checkAttached('adapterFiles')
  const { method } = adapter
  const baseModel = given.baseModel ?? adapter.config.baseModelNameOrPath
  const tensors = await savedTensors(adapter)
  const own: SavedAdapter = { config: { ...adapter.savedConfig, baseModelNameOrPath: baseModel }, tensors }
  const { convertToPlainLora: asPlain = false } = given
  const saved = (await method.toFile?.(own, adapter.name, adapter.layers, asPlain)) ?? own
  if (given.onWarning !== undefined && (await isAsStarted(adapter))) {
    given.onWarning('adapterFiles: nothing has trained the adapter since it was attached; what is saved is its start')
  }
  return filesOf(method, saved, given)
}

/** The files of what is saved of an adapter, by name. @param card What its card says. */
export function filesOf<C extends AdapterConfig>(
  method: AdapterMethod<C>,
  { config, tensors }: SavedAdapter<C>,
  card: CardContent = {},
): Map<string, Uint8Array> {
  const data = [...tensors].map(([name, tensor]) => ({ name, dtype: 'F32', ...tensor }) as const)
  const utf8 = new TextEncoder()
  return new Map([
    [configFile, utf8.encode(method.fields.format(config))],
    ['adapter_model.safetensors', writeSafetensors(data, { format: 'pt' })],
    ['README.md', utf8.encode(formatModelCard(method, config, card))],
  ])
}

/**
 * Attaches an adapter that PEFT or this library saved. Names in its config that match nothing are passed over, for
 * every tensor of the file must find its place; that is seen to before anything is allocated. On failure the model is
 * as before.
 * @throws MedAwareError as `parseAdapterConfig` and `attachAdapter`; `unsupported` for fields of its config that are
 * not known; `format` where keys are missing or unexpected or shapes differ; it lists them.
 */
export async function loadAdapter(
  model: Adaptable,
  configJson: unknown,
  reader: TensorReader,
  options: LoadAdapterOptions = {},
): Promise<Adapter> {
  const who = 'loadAdapter'
  readArgument(who, 'model', model, adaptableRule)
  const {
    device,
    name = defaultName,
    trainable = false,
    ignoreFields = [],
    onWarning,
  } = readOptions(who, options, loadAdapterRules)
  checkDevice(who, model, device)
  const parsed = parseAdapterConfig(configJson, model)
  const { method, config } = parsed
  checkKnown(parsed, ignoreFields, onWarning)
  const odd = otherBase(config, model)
  if (odd !== '') onWarning?.(`${who}: ${odd}`)
  if (trainable) method.checkTrainable?.(config, who)
  const plan = planAdapter(method, model, config, { who, name, isPartialOk: true, savedKeys: reader.names, onWarning })
  const keys = keysIn(who, reader, plan, odd)
  const adapter = attach(plan, null)
  try {
    const values = new Map<string, Float32Array>()
    for (const [key, there] of keys) values.set(key, await reader.readF32(there))
    for (const [key, tensor] of adapter.namedTensors()) tensor.write(values.get(key) ?? new Float32Array(0))
    if (onWarning !== undefined) {
      const repeated = await differingRepeats(adapter, plan, reader)
      if (repeated !== '') onWarning(`${who}: ${repeated}`)
    }
    await method.fromBase?.start(config, name, adapter.layers, null)
  } catch (error) {
    adapter.detach()
    throw error
  }
  adapter.setRequiresGrad(trainable)
  return adapter
}
