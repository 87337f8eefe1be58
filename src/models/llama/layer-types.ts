import { check } from '../../core/errors.ts'
import { show } from '../../core/show.ts'
import type { ConfigFields, ConfigJson } from '../config-fields.ts'

/** What a layer's queries see, in the words of transformers' layer_types. */
export type LayerType = 'full_attention' | 'sliding_attention'

/** Which layers have a sliding window. */
export interface WindowFields {
  /** Keys up to its own that a query of a sliding layer sees; `null` where no layer slides. */
  readonly slidingWindow: number | null
  /** Of each layer. */
  readonly layerTypes: readonly LayerType[]
}

/**
 * Reads `layer_types`.
 * @param usual What a layer is where the file does not say.
 * @throws MedAwareError `unsupported` for a type that is not known; `config` for a list of another length, or layers
 * that slide without a window.
 */
export function parseLayerTypes(
  fields: ConfigFields,
  who: string,
  { layers, slidingWindow }: { readonly layers: number; readonly slidingWindow: number | null },
  usual: (layer: number) => LayerType,
): WindowFields {
  const given = fields.given(['layer_types']) ?? Array.from({ length: layers }, (_, layer) => usual(layer))
  check(Array.isArray(given) && given.every(isLayerType), 'unsupported', () => {
    return `${who}: config.json has layer_types ${show(given)}; known are a list of ${known.map(show).join(' and ')}`
  })
  check(given.length === layers, 'config', () => {
    return `${who}: config.json has ${given.length} layer_types for ${layers} layers`
  })
  check(slidingWindow !== null || !given.includes('sliding_attention'), 'config', () => {
    return `${who}: config.json has "sliding_attention" among its layer_types, and no sliding_window that is used`
  })
  return { slidingWindow: given.includes('sliding_attention') ? slidingWindow : null, layerTypes: given }
}

/** A window's size, `null` for none. @param usual Where the file says nothing. @throws MedAwareError `config`. */
export function parseWindow(json: ConfigJson, fields: ConfigFields, usual: number | null): number | null {
  const given = json['sliding_window'] === undefined ? usual : json['sliding_window']
  return given === null ? null : fields.whole(['sliding_window'], usual === null ? {} : { fallback: usual })
}

/** What the attention of a layer is told of its window. */
export function windowOf({ slidingWindow, layerTypes }: WindowFields, layer: number): number | null {
  return layerTypes[layer] === 'sliding_attention' ? slidingWindow : null
}

const known: readonly LayerType[] = ['full_attention', 'sliding_attention']

function isLayerType(value: unknown): value is LayerType {
  return known.some((type) => type === value)
}
