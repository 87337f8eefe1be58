import { callback, type OptionRules, readArgument, readOptions, text } from '../core/options.ts'
import type { Adapter } from '../peft/adapter.ts'
import { modelCard, type ModelCardOptions, modelCardRules } from '../peft/card/adapter-card.ts'
import { isUnedited } from '../peft/card/model-card.ts'
import { diskFolder, type Folder, readText, writeFolder } from './sources/folder.ts'

/** How a card is saved. */
export interface SaveModelCardOptions extends ModelCardOptions {
  /** Told where a card that was edited is kept. Default: nobody. */
  readonly onWarning?: (message: string) => void
}

const cardFile = 'README.md'
const rules: OptionRules<SaveModelCardOptions> = { ...modelCardRules, onWarning: callback() }

/**
 * Writes an adapter's card, README.md, into its folder (Node only): `modelCard`, with figures that were measured after
 * the adapter was saved. A card that was edited is kept, as by `saveAdapter`.
 * @throws MedAwareError as `modelCard`; `disk`.
 */
export async function saveModelCard(adapter: Adapter, path: string, options: SaveModelCardOptions = {}): Promise<void> {
  readArgument('saveModelCard', 'path', path, text)
  const { onWarning, ...content } = readOptions('saveModelCard', options, rules)
  const files = new Map([[cardFile, modelCard(adapter, content)]])
  await writeFolder(path, await keepCard(diskFolder(path), files, onWarning))
}

/**
 * Files to be written into a folder, with its own card where somebody wrote or edited that: it keeps its text, and its
 * metadata gets the base, the library and the tags of the new one.
 */
export async function keepCard(
  folder: Folder,
  files: ReadonlyMap<string, Uint8Array | string>,
  onWarning?: (message: string) => void,
): Promise<ReadonlyMap<string, Uint8Array | string>> {
  const made = files.get(cardFile)
  if (made === undefined || !(await folder.has(cardFile))) return files
  const there = await readText(folder, cardFile)
  if (isUnedited(there)) return files
  onWarning?.(
    `${folder.name}/${cardFile} was written or edited by somebody, and is kept with new metadata; its figures may be old ones. Remove it to get a new one`,
  )
  return new Map([...files, [cardFile, await withMetadata(there, typeof made === 'string' ? made : decode(made))]])
}

/** A card's text under its own metadata, with what the new one says of base, library and tags. */
async function withMetadata(there: string, made: string): Promise<string> {
  const { isMap, isSeq, parseDocument } = await import('yaml')
  const [, front, body = there] = /^---\r?\n([\s\S]*?)\r?\n---[ \t]*(?:\r?\n|$)([\s\S]*)$/.exec(there) ?? []
  const [, fresh = ''] = /^---\n([\s\S]*?)\n---\n/.exec(made) ?? []
  if (front === undefined) return `---\n${fresh}\n---\n\n${body}`
  const [own, given] = [parseDocument(front), parseDocument(fresh)]
  // What is no YAML is for its author to mend.
  if (own.errors.length > 0 || !(own.contents === null || isMap(own.contents))) return there
  const tags = [own, given].flatMap((each): unknown[] => {
    const list = each.get('tags')
    return isSeq(list) ? list.items.map(String) : typeof list === 'string' ? [list] : []
  })
  for (const name of ['base_model', 'library_name']) if (given.has(name)) own.set(name, given.get(name))
  for (const name of ['pipeline_tag', 'license', 'license_name'])
    if (!own.has(name) && given.has(name)) own.set(name, given.get(name))
  own.set('tags', own.createNode([...new Set(tags)]))
  return `---\n${own.toString({ lineWidth: 0 })}---\n${body}`
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}
