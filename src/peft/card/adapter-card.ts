import { type OptionRules, readArgument, readOptions, text } from '../../core/options.ts'
import type { Adapter } from '../adapter.ts'
import { adapterRule } from '../files/adapter-files.ts'
import { type CardContent, cardRules } from './card-content.ts'
import { formatModelCard } from './model-card.ts'

/** What a card says. */
export interface ModelCardOptions extends CardContent {
  /** Name or path of the model that the adapter belongs to. Default: its config's baseModelNameOrPath. */
  readonly baseModel?: string
}

/** The rules of `ModelCardOptions`. */
export const modelCardRules: OptionRules<ModelCardOptions> = { ...cardRules, baseModel: text }

/**
 * The model card of an adapter: the README.md that `adapterFiles` and `saveAdapter` write, with what is given and
 * nothing made up. @throws MedAwareError `config` for no adapter and bad options.
 */
export function modelCard(adapter: Adapter, options: ModelCardOptions = {}): string {
  const { method, savedConfig, config } = readArgument('modelCard', 'adapter', adapter, adapterRule)
  const { baseModel = config.baseModelNameOrPath, ...content } = readOptions('modelCard', options, modelCardRules)
  return formatModelCard(method, { ...savedConfig, baseModelNameOrPath: baseModel }, content)
}
