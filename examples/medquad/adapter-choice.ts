import { existsSync, readFileSync } from 'node:fs'
import { type LoraConfig, MedAwareError } from 'peft-medaware'

/** A config for `attachAdapter`. */
export interface AdapterChoice {
  readonly peftType: string
  readonly [field: string]: unknown
}

/**
 * The adapter that the recipe trains: the paper's LoRA, on what PEFT takes by default for the kind of model, or what
 * `given` says, which is JSON or the path of a file of it. Its fields are the library's or PEFT's, so that an
 * adapter_config.json will do.
 * @throws MedAwareError `config` for what is no such JSON.
 */
export function adapterChoice(
  given: string | undefined,
  targetModules: LoraConfig['targetModules'] | undefined,
): AdapterChoice {
  if (given === undefined) {
    const paper = { peftType: 'LORA', r: 16, loraAlpha: 32, loraDropout: 0.05 }
    return { ...paper, ...(targetModules && { targetModules }) }
  }
  const fields = Object.entries(parsed(given)).map(([key, value]) => [camelCase(key), value] as const)
  const { peftType = 'LORA', ...config } = Object.fromEntries(fields.filter(([key]) => !remarks.includes(key)))
  if (typeof peftType !== 'string') throw new MedAwareError('config', `--adapter: peftType must be a text`)
  return { peftType, ...config, ...(targetModules && { targetModules }) }
}

/** What PEFT writes beside the settings of an adapter. */
const remarks: readonly string[] = ['peftVersion', 'inferenceMode', 'autoMapping', 'baseModelNameOrPath', 'revision']

function parsed(given: string): object {
  const text = !given.trimStart().startsWith('{') && existsSync(given) ? readFileSync(given, 'utf8') : given
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  } catch {
    // Said below, with what was given.
  }
  throw new MedAwareError(
    'config',
    `--adapter must be a file of JSON, or JSON such as {"peft_type": "IA3"}, got ${given}`,
  )
}

function camelCase(key: string): string {
  return key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
