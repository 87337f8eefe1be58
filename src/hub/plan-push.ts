import { fileUrl, listFolder } from '#platform'
import { check, MedAwareError } from '../core/errors.ts'
import {
  callback,
  either,
  listOf,
  type OptionRules,
  readArgument,
  readOptions,
  type Rule,
  text,
  that,
} from '../core/options.ts'
import { show, showNames } from '../core/show.ts'
import { parseJsonObject } from '../core/json.ts'
import { diskFolder, type Folder, openTensors, readJson } from '../io/sources/folder.ts'
import { isHubName } from '../peft/card/hub-words.ts'
import { isPlainPath, isShared, isWeights, type PushKind } from './files-to-push.ts'

/** A folder on disk (Node only), or files by name, all of which are meant. */
export type PushSource = string | ReadonlyMap<string, Blob | Uint8Array | string>

/** Which files of a folder are pushed. */
export interface PlanOptions {
  /** Files to push as well, by name: what may hold texts of others, such as 'held-out.json'. Default none. */
  readonly include?: readonly string[]
  /** Files not to push. Default none. */
  readonly exclude?: readonly string[]
  /** Told what a stranger will miss, such as a card. Default: nobody. */
  readonly onWarning?: (message: string) => void
}

/** A file that is pushed. */
export interface PushedFile {
  readonly name: string
  readonly byteLength: number
  readonly content: Blob | URL
}

/** What a push would send. */
export interface PushPlan {
  readonly kind: PushKind
  readonly files: readonly PushedFile[]
  readonly bytes: number
  /** Names of the folder that stay: checkpoints, optimizer states, logs, data, and all else that nobody named. */
  readonly leftOut: readonly string[]
}

const source: Rule<PushSource> = either(
  text,
  that('a Map of names to Blobs, bytes or texts', (value): value is ReadonlyMap<string, Blob | Uint8Array | string> => {
    return value instanceof Map && value.size > 0 && [...value.keys()].every((name) => typeof name === 'string')
  }),
)

/** A rule for each of them. */
export const planRules: OptionRules<PlanOptions> = {
  include: listOf(text),
  exclude: listOf(text),
  onWarning: callback<NonNullable<PlanOptions['onWarning']>>(),
}

/**
 * What `pushToHub` would send of a folder, and what it would leave; nothing is asked of the Hub. Of an adapter its two
 * files, its card, report.html, figures such as summary.json, a tokenizer and a licence; of a model config and weights
 * in their place. Files are checked before: a torn one is not pushed.
 * @throws MedAwareError `not-found` for a folder without either, or a file that is not there; `format`; `config`.
 */
export async function planPush(from: PushSource, options: PlanOptions = {}): Promise<PushPlan> {
  const who = 'planPush'
  const given = readArgument(who, 'source', from, source)
  const { include = [], exclude = [], onWarning } = readOptions(who, options, planRules)
  return typeof given === 'string' ? ofFolder(given, include, exclude, onWarning) : ofFiles(given, exclude, onWarning)
}

async function ofFolder(
  path: string,
  include: readonly string[],
  exclude: readonly string[],
  onWarning: PlanOptions['onWarning'],
): Promise<PushPlan> {
  const names = await listFolder(path)
  const kind = kindOf(path, names)
  for (const name of include)
    check(isPlainPath(name), 'config', () => `planPush: ${show(name)} is no file below ${path}`)
  const chosen = names.filter((name) => isShared(name, kind) && !include.includes(name))
  const wanted = [...chosen, ...include].filter((name) => !exclude.includes(name)).sort()
  const folder = diskFolder(path)
  const files = await Promise.all(
    wanted.map(async (name) => {
      const file = await folder.open(name)
      await file.close?.()
      return { name, byteLength: file.byteLength, content: fileUrl(`${path}/${name}`) }
    }),
  )
  await checkFiles(folder, wanted, onWarning)
  return { kind, files, bytes: totalOf(files), leftOut: names.filter((name) => !wanted.includes(name)) }
}

async function ofFiles(
  given: Exclude<PushSource, string>,
  exclude: readonly string[],
  onWarning: PlanOptions['onWarning'],
): Promise<PushPlan> {
  const all = [...given].map(([name, content]) => {
    check(isPlainPath(name), 'config', () => `planPush: ${show(name)} is no name of a file`)
    if (content instanceof Blob) return { name, byteLength: content.size, content }
    const bytes = typeof content === 'string' ? content : new Uint8Array(content)
    const blob = new Blob([bytes])
    return { name, byteLength: blob.size, content: blob }
  })
  const names = all.map(({ name }) => name)
  const kind = kindOf('the given files', names)
  const files = all.filter(({ name }) => !exclude.includes(name))
  const config = files.find(({ name }) => name === 'adapter_config.json')
  if (config !== undefined) warnOfBase(parseJsonObject(config.name, await config.content.text()), onWarning)
  warnOfCard(names, onWarning)
  return { kind, files, bytes: totalOf(files), leftOut: names.filter((name) => exclude.includes(name)) }
}

function kindOf(path: string, names: readonly string[]): PushKind {
  if (names.includes('adapter_config.json') && names.includes('adapter_model.safetensors')) return 'adapter'
  if (names.some(isWeights) && (names.includes('config.json') || names.some((name) => name.endsWith('.gguf'))))
    return 'model'
  const there = names.length === 0 ? 'nothing' : showNames(names)
  throw new MedAwareError(
    'not-found',
    `planPush: ${path} has no adapter (adapter_config.json and adapter_model.safetensors) and no model (config.json and weights); it has ${there}`,
  )
}

/** Reads what a stranger's program would read first. */
async function checkFiles(
  folder: Folder,
  names: readonly string[],
  onWarning: PlanOptions['onWarning'],
): Promise<void> {
  for (const name of names) {
    if (name.endsWith('.safetensors')) await (await openTensors(folder, name)).close()
    if (name === 'adapter_config.json') warnOfBase(await readJson(folder, name), onWarning)
  }
  warnOfCard(names, onWarning)
}

function warnOfBase(config: Readonly<Record<string, unknown>>, onWarning: PlanOptions['onWarning']): void {
  const base = config['base_model_name_or_path']
  if (typeof base === 'string' && isHubName(base)) return
  const what =
    typeof base === 'string' && base !== ''
      ? `names its base by the path ${base}, which others do not have`
      : 'names no base'
  onWarning?.(`adapter_config.json ${what}; give the name that it has on the Hub (saveAdapter's baseModel)`)
}

function warnOfCard(names: readonly string[], onWarning: PlanOptions['onWarning']): void {
  if (!names.includes('README.md')) onWarning?.('there is no README.md: nobody will know what this is for, and not for')
}

function totalOf(files: readonly PushedFile[]): number {
  return files.reduce((sum, { byteLength }) => sum + byteLength, 0)
}
