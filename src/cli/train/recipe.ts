import { readFile } from 'node:fs/promises'
import { parseDocument, stringify } from 'yaml'
import { MedAwareError, messageOf } from '../../core/errors.ts'
import { isJsonObject, type JsonObject } from '../../core/json.ts'
import { nearestName } from '../../core/nearest.ts'
import { show } from '../../core/show.ts'
import { version } from '../../core/version.ts'
import { UsageError } from '../command.ts'

/** What a recipe says beside transformers' and TRL's arguments, with words for each. */
export const ownKeys = {
  model: 'a model’s folder or its name on the Hub',
  trainer: 'sft to learn texts, or dpo to learn preferences',
  data: 'what to train on',
  eval_data: 'what to measure on',
  eval_fraction: 'the share of data to measure on instead',
  split_by: 'the column whose rows stay on one side when data is split',
  columns: 'the names of columns in data',
  adapter: 'PEFT’s config of the adapter, or null to train the model whole',
  card: 'what the adapter’s model card says, such as medical: true and license',
  init_seed: 'of what the adapter begins with; seed where it is left out',
  quantize: 'nf4, fp4, int8 or none',
  dtype: 'f32, f16 or bf16, of what is not quantised',
  device: 'auto, cpu or webgpu',
  threads: 'of the CPU engine',
  build: 'of the CPU engine: auto, simd, relaxed or wide',
} as const

/** The name of a recipe in the folder of its run. */
export const recipeFile = 'run.yaml'

/** A run as YAML has it: our own keys, and transformers' and TRL's arguments. */
export interface Recipe {
  readonly own: Readonly<Partial<Record<keyof typeof ownKeys, unknown>>>
  readonly args: JsonObject
}

/** Other words for a recipe's keys. */
const aliases: Readonly<Record<string, keyof typeof ownKeys>> = {
  model_name_or_path: 'model',
  train_file: 'data',
  dataset: 'data',
  dataset_name: 'data',
  validation_file: 'eval_data',
  peft_config: 'adapter',
  lora: 'adapter',
}

/**
 * Reads a recipe from a file, with what stands on the command line over it.
 * @param sets `key=value` each, where the key may lead into a table, `adapter.r=8`, and the value is YAML.
 * @throws MedAwareError `format` for what is no YAML, `config`; UsageError for a `--set` that sets nothing.
 */
export async function readRecipe(
  path: string | undefined,
  sets: readonly string[],
  flags: JsonObject,
): Promise<Recipe> {
  const given = path === undefined ? {} : parseYaml(path, await readText(path))
  const merged: Record<string, unknown> = { ...given }
  for (const [name, value] of Object.entries(flags)) if (value !== undefined) merged[name] = value
  for (const set of sets) applySet(merged, set)
  const own: Record<string, unknown> = {}
  const args: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(merged)) {
    const key = Object.hasOwn(aliases, name) ? aliases[name] : name
    if (key !== undefined && Object.hasOwn(ownKeys, key)) own[key] = value
    else args[name] = value
  }
  return { own, args }
}

/** The recipe as a file. */
export function recipeText({ own, args }: Recipe): string {
  return `# Made by peft-medaware ${version}: peft-medaware train --config ${recipeFile} --out ANOTHER does the same again.\n${stringify({ ...own, ...args })}`
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw new MedAwareError('not-found', `${path} cannot be read: ${messageOf(cause)}`, { cause })
  }
}

function parseYaml(path: string, text: string): JsonObject {
  const document = parseDocument(text)
  const [error] = document.errors
  if (error !== undefined)
    throw new MedAwareError('format', `${path} is no YAML: ${error.message.split('\n')[0] ?? ''}`)
  // Aliases that grow without end are refused by the library.
  const value: unknown = document.toJS({ maxAliasCount: 100 })
  if (value === null || value === undefined) return {}
  if (!isJsonObject(value))
    throw new MedAwareError('format', `${path} must be a table of keys and values, got ${show(value)}`)
  return value
}

function applySet(recipe: Record<string, unknown>, set: string): void {
  const at = set.indexOf('=')
  if (at < 1) throw new UsageError(`--set needs key=value, got ${set}`)
  const path = set.slice(0, at).split('.')
  const value = parseYaml(`--set ${set}`, `value: ${set.slice(at + 1)}`)['value']
  let table = recipe
  for (const key of path.slice(0, -1)) {
    const inner = table[key]
    table = table[key] = isJsonObject(inner) ? { ...inner } : {}
  }
  table[path.at(-1) ?? ''] = value ?? null
}

/** A text that a recipe needs. @throws MedAwareError `config`. */
export function textOf({ own }: Recipe, key: keyof typeof ownKeys): string {
  const value = own[key]
  if (typeof value === 'string' && value !== '') return value
  throw new MedAwareError(
    'config',
    `the recipe needs ${key}, ${ownKeys[key]}${value === undefined ? '' : `, got ${show(value)}`}`,
  )
}

/** One of some words. @param otherwise Where nothing is said; default the first. @throws MedAwareError `config`. */
export function wordOf<const W extends string>(
  { own }: Recipe,
  key: keyof typeof ownKeys,
  words: readonly [W, ...W[]],
  otherwise: W = words[0],
): W {
  const value = own[key] ?? otherwise
  const found = words.find((word) => word === value)
  if (found !== undefined) return found
  const near = typeof value === 'string' ? nearestName(value, words) : null
  const remedy = near === null ? '' : `; did you mean ${near}?`
  throw new MedAwareError('config', `${key} must be ${words.join(', ')}, got ${show(value)}${remedy}`)
}
