import { check } from '../../../core/errors.ts'
import { number, type OptionRules, readArgument, readOptions, text, whole } from '../../../core/options.ts'
import { showNames } from '../../../core/show.ts'
import type { Adapter } from '../../adapter.ts'
import { keyAt, type Place, type SavedTensor } from '../../adapter-method.ts'
import { adapterRule, filesOf } from '../../files/adapter-files.ts'
import { savedTensors } from '../../files/saved-tensors.ts'
import { keyPrefix } from '../../layers/adapted-layer.ts'
import { AdaptedLinear } from '../../layers/adapted-linear.ts'
import type { LoraConfig } from '../../lora/lora-config.ts'
import { lora } from '../../lora/lora.ts'
import { savedModulePlaces } from '../../targets/saved-modules.ts'
import { withTying } from '../../targets/tied-tables.ts'
import { convertedConfig } from './converted-config.ts'
import { decomposedDelta } from './decomposed-delta.ts'

/** How an adapter is converted: either `rank` or `energy` must be given. */
export interface LoraConversionOptions {
  /** Of the LoRA adapter, at every layer; at most the smaller side of the smallest. */
  readonly rank?: number
  /**
   * The share of an update's energy, which is the sum of its squares, that each layer is to keep, above 0 and at most
   * 1; its rank is the smallest that does. PEFT's rank as a float.
   */
  readonly energy?: number
  /** Name or path of the model it belongs to. Default: as the adapter's config says. */
  readonly baseModel?: string
  /** Markdown of the model card. Default: how to load the adapter with PEFT. */
  readonly card?: string
}

/** What became of an adapter's update at one layer. */
export interface ConvertedLayer {
  readonly path: string
  readonly rank: number
  /** The root of the sum of squares of the update. */
  readonly norm: number
  /** The share of the update's energy that LoRA has, in [0, 1]: its relative error is √(1 − survived). */
  readonly survived: number
}

/** A LoRA adapter that does nearly what another did. */
export interface LoraConversion {
  readonly config: LoraConfig
  /** adapter_config.json, adapter_model.safetensors and README.md, by name. */
  readonly files: ReadonlyMap<string, Uint8Array>
  readonly layers: readonly ConvertedLayer[]
  /** The share of the energy of all updates that LoRA has, in [0, 1]. */
  readonly survived: number
}

/** The rules of `LoraConversionOptions`. */
export const conversionRules: OptionRules<LoraConversionOptions> = {
  rank: whole({ from: 1 }),
  energy: number({ above: 0, to: 1 }),
  baseModel: text,
  card: text,
}

/**
 * Makes a LoRA adapter of one of another method, for runtimes that read LoRA alone: at each layer the best
 * approximation of its update by a rank, by singular values. The scaling is in the factors, so loraAlpha is r. Where a
 * method changes a layer's bias too, as IA3 does, loraBias takes that up; modulesToSave are taken over as they are. The
 * adapter stays as it is. PEFT's convert_to_lora (tuners/lora/conversion.py). A projection [6144,2048] takes seconds.
 * @throws MedAwareError `config` for an adapter that is off its model or merged, for a rank above a layer's sizes, and
 * for bad options; `unsupported` for one that adapts other than linear layers, or trains tensors of the base; `memory`,
 * `device`.
 */
export async function convertToLora(adapter: Adapter, options: LoraConversionOptions): Promise<LoraConversion> {
  const who = 'convertToLora'
  readArgument(who, 'adapter', adapter, adapterRule)
  const given = readOptions(who, options, conversionRules)
  const { rank, energy, baseModel, card } = given
  check((rank === undefined) !== (energy === undefined), 'config', () => `${who}: give either a rank or an energy`)
  adapter.checkUnmerged(who)
  const whole = wholePlaces(who, adapter)
  const linears = linearLayers(who, adapter, new Set(whole.map(({ path }) => path)))
  const made: (ConvertedLayer & { readonly a: Float32Array; readonly b: Float32Array; readonly bias: Float32Array })[] =
    []
  for (const [path, layer] of linears) {
    const most = Math.min(layer.inFeatures, layer.outFeatures)
    check(rank === undefined || rank <= most, 'config', () => {
      return `${who}: ${path} has ${most} singular values, which rank ${rank ?? 0} exceeds; choose a lower one`
    })
    made.push({
      path,
      ...(await decomposedDelta(layer, adapter.name, rank === undefined ? { energy: energy ?? 1 } : { rank })),
    })
  }
  const loraBias = made.some(({ bias }) => bias.some((value) => value !== 0))
  const config = convertedConfig(adapter, new Map(made.map((each) => [each.path, each.rank])), loraBias)
  const tensors = await tensorsOf(adapter, whole)
  for (const { path, rank: r, a, b, bias } of made) {
    tensors.set(`${keyPrefix}${path}.lora_A.weight`, { shape: [r, a.length / r], data: a })
    tensors.set(`${keyPrefix}${path}.lora_B.weight`, { shape: [b.length / r, r], data: b })
    if (loraBias) tensors.set(`${keyPrefix}${path}.lora_B.bias`, { shape: [bias.length], data: bias })
  }
  const named = { ...config, ...(baseModel !== undefined && { baseModelNameOrPath: baseModel }) }
  const layers = made.map(({ path, rank: r, norm, survived }) => ({ path, rank: r, norm, survived }))
  const energyOf = (share: (layer: ConvertedLayer) => number) => {
    return layers.reduce((sum, layer) => sum + share(layer) * layer.norm ** 2, 0)
  }
  const all = energyOf(() => 1)
  const survived = all === 0 ? 1 : energyOf((layer) => layer.survived) / all
  return {
    config: named,
    files: filesOf(lora, { config: named, tensors }, card === undefined ? {} : { card }),
    layers,
    survived,
  }
}

/** The places of what an adapter trains whole beside its method's own, which LoRA does as well. */
function wholePlaces(who: string, { model, config }: Adapter): readonly Place[] {
  const names = config.modulesToSave ?? []
  if (names.length === 0) return []
  const { tied, isWhole } = withTying(model, config, { who, isPartialOk: true })
  return savedModulePlaces(model, { names, adapted: [] }, { who, isPartialOk: true, tied: isWhole ? tied : null })
}

/** What an adapter's file has of some places. */
async function tensorsOf(adapter: Adapter, places: readonly Place[]): Promise<Map<string, SavedTensor>> {
  const keys = new Set(
    places.flatMap((place) => Object.keys({ ...place.shapes, ...place.repeats }).map((name) => keyAt(place, name))),
  )
  return savedTensors(adapter, (key) => keys.has(key))
}

/** The layers of an adapter but those that are trained whole, all of which must be linear, and all that it is. */
function linearLayers(
  who: string,
  adapter: Adapter,
  whole: ReadonlySet<string>,
): readonly (readonly [string, AdaptedLinear])[] {
  const { name } = adapter.method
  check(!adapter.trainsBase, 'unsupported', () => {
    return `${who}: the ${name} adapter trains tensors of the base itself, which no update of a rank is; save it as it is`
  })
  const own = [...adapter.layers].filter(([path]) => !whole.has(path))
  const others = own.filter(([, layer]) => !(layer instanceof AdaptedLinear)).map(([path]) => path)
  check(own.length > 0 && others.length === 0, 'unsupported', () => {
    const what = others.length === 0 ? 'has no linear layer' : `adapts ${showNames(others, 3)}`
    return `${who}: the ${name} adapter ${what}; only updates of linear layers are converted`
  })
  return own.flatMap(([path, layer]) => (layer instanceof AdaptedLinear ? [[path, layer] as const] : []))
}
