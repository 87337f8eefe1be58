import { hashText } from '../../core/hash.ts'
import { version } from '../../core/version.ts'
import type { AdapterMethod } from '../adapter-method.ts'
import { type AdapterConfig, peftVersion } from '../config/config-fields.ts'
import type { CardContent } from './card-content.ts'
import { cardMetadata } from './card-metadata.ts'
import { dataOf, disclaimerOf, limitationsOf, procedureOf, resultsOf, usesOf } from './card-sections.ts'
import { isHubName } from './hub-words.ts'
import { linkTo, plainText } from './markup.ts'

type CardMethod<C extends AdapterConfig> = Pick<AdapterMethod<C>, 'name' | 'card' | 'describe'>

/**
 * The README.md of an adapter: the front matter by which the Hugging Face Hub finds the base model, the library and the
 * results, over what the adapter is for and not for, how it is loaded, data, training, and figures beside baselines.
 */
export function formatModelCard<C extends AdapterConfig>(
  method: CardMethod<C>,
  config: C,
  content: CardContent = {},
): string {
  const { baseModelNameOrPath: base } = config
  const title = `${method.name} adapter for ${base === null ? 'the base model' : shortName(base)}`
  const disclaimer = disclaimerOf(content)
  const { license } = content
  const parts = [
    `---\n${cardMetadata({ base, tags: method.card.tags, name: title }, content)}\n---`,
    ...(content.card === undefined ? [`# ${plainText(title)}`] : []),
    ...(disclaimer === null ? [] : [disclaimer]),
    content.card?.trim() ?? `${method.card.about} in the format of PEFT.`,
    `- Base model: ${baseOf(config)}\n- Licence: ${license === undefined ? 'not stated' : plainText(license)}`,
    usesOf(content),
    limitationsOf(content),
    loadingOf(config),
    dataOf(content),
    procedureOf(`${method.name}, ${method.describe(config)}`, content),
    resultsOf(content),
    `### Framework versions\n\n- peft-medaware ${version}, in the format of PEFT ${peftVersion}\n`,
  ]
  return signed(parts.join('\n\n'))
}

function baseOf({ baseModelNameOrPath: base, revision }: AdapterConfig): string {
  if (base === null) return 'not stated'
  const where = isHubName(base) ? '' : ', where it lay when the adapter was trained'
  return `${plainText(base)}${where}${revision === null ? '' : `, revision ${plainText(revision)}`}`
}

/** A name on the Hub, or the last part of a path. */
function shortName(base: string): string {
  return isHubName(base) ? base : (base.split(/[\\/]/).findLast((part) => part !== '') ?? base)
}

function loadingOf({ baseModelNameOrPath: base, revision }: AdapterConfig): string {
  // A fence of code ends at three of these.
  const quoted = (text: string) => JSON.stringify(text).replaceAll('`', '\\u0060')
  const name = base ?? 'BASE_MODEL'
  const ours = quoted(revision === null ? name : `${name}@${revision}`)
  const theirs = revision === null ? quoted(name) : `${quoted(name)}, revision=${quoted(revision)}`
  return `## How to use it

With PEFT, in Python:

\`\`\`python
from peft import PeftModel
from transformers import AutoModelForCausalLM

base = AutoModelForCausalLM.from_pretrained(${theirs})
model = PeftModel.from_pretrained(base, "PATH_OF_THIS_FOLDER")
\`\`\`

With peft-medaware (${linkTo('https://github.com/peft-medaware/peft-medaware')}), in Node or a page:

\`\`\`js
import { generateText, loadModel, openAdapter, openDevice } from 'peft-medaware'

const { device } = await openDevice()
const { model, tokenizer } = await loadModel(${ours}, { device })
await openAdapter(model, 'PATH_OF_THIS_FOLDER', { device })
for await (const piece of generateText(model, tokenizer, 'A prompt')) process.stdout.write(piece)
\`\`\``
}

const mark =
  /\n<!-- Made by peft-medaware \((\w{16})\): replaced when the adapter is saved again, unless edited. -->\n$/

/** A card with a mark by which it is known as long as nobody edits it. */
function signed(text: string): string {
  return `${text}\n<!-- Made by peft-medaware (${hashText(text)}): replaced when the adapter is saved again, unless edited. -->\n`
}

/** Whether a card is as this library wrote it. */
export function isUnedited(text: string): boolean {
  const plain = text.replaceAll('\r\n', '\n')
  const [found, hash] = mark.exec(plain) ?? []
  return found !== undefined && hashText(plain.slice(0, -found.length)) === hash
}
