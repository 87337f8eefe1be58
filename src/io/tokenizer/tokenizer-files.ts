import type { JsonObject } from '../../core/json.ts'
import { type Folder, readJson, readText } from '../sources/folder.ts'

/** What transformers has of a tokenizer: tokenizer.json, and tokenizer_config.json with the chat template in it. */
export interface TokenizerFiles {
  readonly tokenizer: JsonObject
  readonly config: JsonObject
}

/** Those of a folder, `null` where it has no tokenizer.json. @throws MedAwareError as `readJson`. */
export async function readTokenizerFiles(folder: Folder): Promise<TokenizerFiles | null> {
  if (!(await folder.has('tokenizer.json'))) return null
  const config = (await folder.has('tokenizer_config.json')) ? await readJson(folder, 'tokenizer_config.json') : {}
  // transformers writes the template into a file of its own, which then is the one that counts.
  const hasTemplate = await folder.has('chat_template.jinja')
  const template = hasTemplate && { chat_template: await readText(folder, 'chat_template.jinja') }
  return { tokenizer: await readJson(folder, 'tokenizer.json'), config: { ...config, ...template } }
}
