import type { QuantizeOptions } from '../../../src/nn/quantize.ts'
import { snakeCase } from '../../../src/peft/config/snake-case.ts'
import { argumentTable, type ArgumentOwner } from '../../../src/train/arguments/argument-table.ts'
import { inOurNames, transformersRules } from '../../../src/train/arguments/transformers-names.ts'
import { describedMembers } from './described-members.ts'
import { type Makers, table } from './made-parts.ts'

/** Names of Hugging Face's by ours; the first is that of today's versions. */
function theirNames(owner: ArgumentOwner): ReadonlyMap<string, readonly string[]> {
  const names = new Map<string, string[]>()
  for (const [name, { to, as = name }] of Object.entries(argumentTable)) {
    if (to !== owner) continue
    const ours = ourName(as)
    names.set(ours, [...(names.get(ours) ?? []), inSnakeCase(name)])
  }
  return names
}

/** What an option of a run is called here that was given by transformers' name. */
function ourName(name: string): string {
  if (!Object.hasOwn(transformersRules, name)) return name
  const given = name === 'lrSchedulerKwargs' ? { lrSchedulerType: 'cosine', [name]: {} } : { [name]: 1 }
  const [ours = name] = Object.keys(inOurNames('docs', given))
  return ours
}

function inSnakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

const code = (names: readonly string[]) => names.map((name) => `\`${name}\``).join(', ')

/** A table of an interface's members with Hugging Face's names below ours: three columns are too wide for a page. */
function optionTable(file: string, name: string, theirs: (ours: string) => readonly string[]): string {
  const members = describedMembers(file, name)
  const named = members.map(({ name: ours, words }) => ({ ours, words, others: theirs(ours) }))
  return table(
    [named.some(({ others }) => others.length > 0) ? "here<br>Hugging Face's" : 'here', 'what it is'],
    named.map(({ ours, words, others }) => [[ours, ...others].map((each) => code([each])).join('<br>'), words]),
  )
}

function argumentsOf(owner: ArgumentOwner, file: string, name: string): string {
  const names = theirNames(owner)
  return optionTable(file, name, (ours) => names.get(ours) ?? [])
}

/** Arguments that are no options, with why. */
function others(isRefused: boolean): string {
  const byReason = new Map<string, string[]>()
  for (const [name, { to, why = '', isRefused: refuses = false }] of Object.entries(argumentTable)) {
    if (to === null && refuses === isRefused) byReason.set(why, [...(byReason.get(why) ?? []), inSnakeCase(name)])
  }
  return table(
    ['why', 'arguments'],
    [...byReason].map(([why, names]) => [why, code(names)]),
  )
}

/** What BitsAndBytesConfig calls them. */
const bitsAndBytes: Readonly<Record<keyof QuantizeOptions, readonly string[]>> = {
  type: ['load_in_4bit', 'load_in_8bit', 'bnb_4bit_quant_type'],
  blockSize: [],
  doubleQuant: ['bnb_4bit_use_double_quant'],
  computeDtype: ['bnb_4bit_compute_dtype'],
  skipModules: ['llm_int8_skip_modules'],
}

const peftNames = (file: string, name: string) => optionTable(file, name, (ours) => [snakeCase(ours)])
const inBitsAndBytes = (ours: string) => (Object.hasOwn(bitsAndBytes, ours) ? bitsAndBytes[ours as 'type'] : [])

/** The parts of docs/reference/options.md. */
export const optionTables: Makers = {
  run: () => argumentsOf('run', 'src/train/training-options.ts', 'TrainingOptions'),
  trainer: () => argumentsOf('trainer', 'src/trainer/trainer-options.ts', 'OwnTrainerOptions'),
  data: () => argumentsOf('data', 'src/data/prepare-options.ts', 'PrepareOptions'),
  dataset: () => argumentsOf('data', 'src/trainer/dataset-options.ts', 'DatasetOptions'),
  dpo: () => argumentsOf('dpo', 'src/train/preference/dpo-loss.ts', 'DpoOptions'),
  refused: () => others(true),
  idle: () => others(false),
  lora: () => peftNames('src/peft/lora/lora-config.ts', 'LoraConfig'),
  targets: () => peftNames('src/peft/targets/target-matching.ts', 'TargetNames'),
  patterns: () => peftNames('src/peft/config/layer-fields.ts', 'RankPatterns'),
  tables: () => peftNames('src/peft/targets/trained-tokens.ts', 'TableFields'),
  adapter: () => peftNames('src/peft/config/config-fields.ts', 'AdapterConfig'),
  storage: () => optionTable('src/formats/quantize-matrix.ts', 'StorageOptions', inBitsAndBytes),
  quantize: () => optionTable('src/nn/quantize.ts', 'QuantizeOptions', inBitsAndBytes),
  generation: () => peftNames('src/generate/generation-options.ts', 'GenerationOptions'),
  sampling: () => peftNames('src/generate/sampling.ts', 'SamplingOptions'),
  hub: () => optionTable('src/io/huggingface/hub-settings.ts', 'HubOptions', () => []),
}
