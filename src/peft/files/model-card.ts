import type { AdapterMethod } from '../adapter-method.ts'
import { type AdapterConfig, peftVersion } from '../config/config-fields.ts'

/** What a model card says besides the adapter's method and base. */
export interface CardContent {
  /** Markdown over the figures. Default: how to load the adapter with PEFT. */
  readonly card?: string
  /** Figures of the run by name, such as `runFigures` gives: a table of the card. Default none. */
  readonly figures?: Readonly<Record<string, string | number>>
  /** The Hub's word for the adapter's licence, such as 'cc-by-4.0'. Default none. */
  readonly license?: string
  /** Names of data sets on the Hub. Default none. */
  readonly datasets?: readonly string[]
}

/**
 * The README.md of an adapter: the front matter that PEFT writes (peft_model.py, create_or_update_model_card), by which
 * the Hugging Face Hub finds the base model and the library, over Markdown and the figures of the run.
 */
export function formatModelCard<C extends AdapterConfig>(
  method: Pick<AdapterMethod<C>, 'name' | 'card' | 'describe'>,
  config: C,
  { card, figures, license, datasets = [] }: CardContent = {},
): string {
  const { baseModelNameOrPath: base } = config
  const tags = [...(base === null ? [] : [`base_model:adapter:${base}`]), ...method.card.tags, 'transformers']
  const lines = [
    ...(base === null ? [] : [`base_model: ${yamlString(base)}`]),
    ...yamlList('datasets', datasets),
    'library_name: peft',
    ...(license === undefined ? [] : [`license: ${yamlString(license)}`]),
    'pipeline_tag: text-generation',
    ...yamlList('tags', tags),
  ]
  const parts = [
    `---\n${lines.join('\n')}\n---`,
    card?.trim() ?? defaultBody(method, base),
    ...(figures === undefined
      ? []
      : [`## Training procedure\n\n${table({ Adapter: adapterOf(method, config), ...figures })}`]),
    `### Framework versions\n\n- peft-medaware, in the format of PEFT ${peftVersion}\n`,
  ]
  return parts.join('\n\n')
}

function defaultBody({ name: method, card }: Pick<AdapterMethod, 'name' | 'card'>, base: string | null): string {
  return `# ${method} adapter for ${markdown(base ?? 'the base model')}

${card.about} in the format of PEFT. To use it in Python:

\`\`\`python
from peft import PeftModel
from transformers import AutoModelForCausalLM

base = AutoModelForCausalLM.from_pretrained(${JSON.stringify(base ?? 'BASE_MODEL')})
model = PeftModel.from_pretrained(base, "PATH_OF_THIS_FOLDER")
\`\`\``
}

function adapterOf<C extends AdapterConfig>(
  { name, describe }: Pick<AdapterMethod<C>, 'name' | 'describe'>,
  config: C,
) {
  return `${name}, ${describe(config)}`
}

function table(rows: Readonly<Record<string, string | number>>): string {
  const lines = Object.entries(rows).map(([name, value]) => `| ${markdown(name)} | ${markdown(String(value))} |`)
  return ['| | |', '| --- | --- |', ...lines].join('\n')
}

function yamlList(name: string, items: readonly string[]): readonly string[] {
  return items.length === 0 ? [] : [`${name}:`, ...items.map((item) => `- ${yamlString(item)}`)]
}

/** Plain where YAML reads it back as the same string, quoted otherwise. */
function yamlString(text: string): string {
  if (/^[A-Za-z/][\w./-]*(:[\w./-]+)*$/.test(text) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(text)) return text
  // What JSON lets stand and YAML does not.
  return JSON.stringify(text).replace(/[\u007f-\u009f\u2028\u2029\ufeff\ufffe\uffff]/g, (unit) => {
    return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

/** Text on one line in which nothing is markup that could end its place: HTML, links, code, cells of a table. */
function markdown(text: string): string {
  const line = text.replace(/[\s\p{Cc}]+/gu, ' ').trim()
  return line.replace(/[\\`*[\]<>|&~]/g, (mark) => `\\${mark}`)
}
