import { ConfigFields, type ConfigJson } from '../config-fields.ts'
import { type LayerType, parseLayerTypes, parseWindow, type WindowFields } from './layer-types.ts'

/**
 * Reads which layers of a Qwen slide (configuration_qwen2.py, configuration_qwen3.py): none unless
 * `use_sliding_window`, then those that `layer_types` names, or those from `max_window_layers` on.
 * @param who Whom errors speak for.
 * @throws MedAwareError as `parseLayerTypes`.
 */
export function parseQwenWindows(json: ConfigJson, who: string, layers: number): WindowFields {
  const fields = new ConfigFields(json, who)
  const slidingWindow = fields.flag('use_sliding_window', false) ? parseWindow(json, fields, 4096) : null
  const first = fields.count('max_window_layers', 28)
  const usual = (layer: number): LayerType => {
    return slidingWindow !== null && layer >= first ? 'sliding_attention' : 'full_attention'
  }
  return parseLayerTypes(fields, who, { layers, slidingWindow }, usual)
}

/** What config.json says of it. Readers that know no layer_types take the layers before the first that slides. */
export function formatQwenWindows({ slidingWindow, layerTypes }: WindowFields): ConfigJson {
  const first = layerTypes.indexOf('sliding_attention')
  return {
    use_sliding_window: slidingWindow !== null,
    sliding_window: slidingWindow,
    max_window_layers: first < 0 ? layerTypes.length : first,
    layer_types: layerTypes,
  }
}
