import { check } from '../../../core/errors.ts'
import type { AdapterConfig } from '../../../peft/config/config-fields.ts'
import type { LoraConfig } from '../../../peft/lora/lora-config.ts'
import { restStartOf } from '../../../peft/lora/starts/base-starts.ts'
import { isConfigOf } from '../../../peft/methods.ts'
import { show } from '../../../core/show.ts'

const toLora = 'write it as LoRA first (saveAsLora), or merge it (mergeAndUnload)'
const toModel = 'merge the adapter (mergeAndUnload) in place of exporting it'

/** What of LoRA llama.cpp cannot apply: it adds B A, scaled, and no more. */
const refusals: readonly (readonly [(config: LoraConfig) => boolean, what: string, remedy: string])[] = [
  [({ useDora }) => useDora, 'DoRA', toLora],
  [({ loraBias }) => loraBias, 'a bias of B', toModel],
  [({ bias }) => bias !== 'none', 'biases that were trained', toModel],
  [({ modulesToSave }) => (modulesToSave ?? []).length > 0, 'modules that were trained whole', toModel],
  [({ trainableTokenIndices: tokens }) => tokens !== null, 'tokens that were trained', toModel],
  [({ loraAlpha }) => loraAlpha === 0, 'an alpha of 0, which it takes for no scaling', toModel],
]

/** The config of an adapter that adds B A, scaled, and no more. @throws MedAwareError `unsupported` for any other. */
export function productOnly(who: string, config: AdapterConfig): LoraConfig {
  check(isConfigOf('LORA', config), 'unsupported', () => {
    return `${who}: llama.cpp applies LoRA alone, and this adapter is ${config.peftType}; ${toLora}`
  })
  for (const [is, what, remedy] of refusals) {
    check(!is(config), 'unsupported', () => `${who}: llama.cpp cannot apply ${what}; ${remedy}`)
  }
  return config
}

/** The same of one that adds it to the base as it is. @throws MedAwareError `unsupported`. */
export function applicableLora(who: string, config: AdapterConfig): LoraConfig {
  const lora = productOnly(who, config)
  const start = lora.initLoraWeights
  check(restStartOf(start) === null, 'unsupported', () => {
    return `${who}: an adapter that began with ${show(start)} fits what was left of the base; save it as plain LoRA (saveAdapter with convertToPlainLora: true) and export that, or merge it (mergeAndUnload)`
  })
  return lora
}
