import { check } from '../core/errors.ts'
import { readArgument, withMethods } from '../core/options.ts'
import { show } from '../core/show.ts'
import type { AdapterMethod } from './adapter-method.ts'
import type { AdapterConfig } from './config/config-fields.ts'
import { adaLora } from './adalora/adalora.ts'
import { ia3 } from './methods/ia3.ts'
import { lnTuning } from './methods/ln-tuning.ts'
import { loha } from './methods/loha.ts'
import { lokr } from './methods/lokr.ts'
import { oft } from './methods/oft.ts'
import { trainableTokens } from './methods/trainable-tokens.ts'
import { vera } from './methods/vera.ts'
import { prefixTuning } from './methods/prefix-tuning.ts'
import { promptTuning } from './methods/prompt-tuning.ts'
import { pTuning } from './methods/p-tuning.ts'
import { lora } from './lora/lora.ts'

/** The table of methods: a row for each of PEFT's `peft_type` that this library has. */
const builtIn = {
  LORA: lora,
  ADALORA: adaLora,
  IA3: ia3,
  LOHA: loha,
  LOKR: lokr,
  LN_TUNING: lnTuning,
  OFT: oft,
  TRAINABLE_TOKENS: trainableTokens,
  VERA: vera,
  PREFIX_TUNING: prefixTuning,
  PROMPT_TUNING: promptTuning,
  P_TUNING: pTuning,
} as const

/** Names of the methods that this library has. */
export type KnownType = keyof typeof builtIn

/** The config of a method of this library. */
export type ConfigOf<T extends KnownType> = (typeof builtIn)[T] extends AdapterMethod<infer C> ? C : never

const table = new Map<string, AdapterMethod>(Object.values(builtIn).map((method) => [method.peftType, method]))

const methodRule = withMethods<AdapterMethod>('a method, as AdapterMethod says', ['describe', 'places'])

/**
 * Adds a method of your own to the table: then `attachAdapter` takes its configs, and `openAdapter`, `saveAdapter` and
 * all else its files. Once a program, before it is used; the same method may be added again.
 * @throws MedAwareError `config` for what is no method, or where there is another of its `peftType`.
 */
export function registerMethod(method: AdapterMethod): void {
  readArgument('registerMethod', 'method', method, methodRule)
  const there = table.get(method.peftType)
  check(there === undefined || there === method, 'config', () => {
    return `registerMethod: there is a method ${show(method.peftType)} already; give yours another peftType`
  })
  table.set(method.peftType, method)
}

/**
 * The method of PEFT's name. @param field What the name is called where it stands. @throws MedAwareError `unsupported`.
 */
export function methodOf(who: string, peftType: unknown, field = 'peftType'): AdapterMethod {
  const method = typeof peftType === 'string' ? table.get(peftType) : undefined
  check(method !== undefined, 'unsupported', () => {
    const known = [...table.keys()].map((name) => `"${name}"`).join(', ')
    return `${who}: ${field} ${peftType === undefined ? 'is missing' : show(peftType)}; supported are ${known}`
  })
  return method
}

/** Whether a config is of a method. */
export function isConfigOf<T extends KnownType>(peftType: T, config: AdapterConfig): config is ConfigOf<T> {
  return config.peftType === peftType
}
