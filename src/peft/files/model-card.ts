import type { AdapterMethod } from '../adapter-method.ts'
import { peftVersion } from '../config/config-fields.ts'

/**
 * The README.md of an adapter: the front matter that PEFT writes (peft_model.py, create_or_update_model_card), by which
 * the Hugging Face Hub finds the base model and the library, over `body` in Markdown.
 */
export function formatModelCard(
  method: Pick<AdapterMethod, 'name' | 'card'>,
  baseModel: string | null,
  body = defaultBody(method, baseModel),
): string {
  const base = baseModel === null ? [] : [`base_model: ${yamlString(baseModel)}`]
  const tags = [...(baseModel === null ? [] : [`base_model:adapter:${baseModel}`]), ...method.card.tags, 'transformers']
  const lines = [
    ...base,
    'library_name: peft',
    'pipeline_tag: text-generation',
    'tags:',
    ...tags.map((tag) => `- ${yamlString(tag)}`),
  ]
  return `---\n${lines.join('\n')}\n---\n\n${body.trim()}\n\n### Framework versions\n\n- peft-medaware, in the format of PEFT ${peftVersion}\n`
}

function defaultBody({ name: method, card }: Pick<AdapterMethod, 'name' | 'card'>, baseModel: string | null): string {
  const name = baseModel ?? 'the base model'
  return `# ${method} adapter for ${name}

${card.about} in the format of PEFT. To use it in Python:

\`\`\`python
from peft import PeftModel
from transformers import AutoModelForCausalLM

base = AutoModelForCausalLM.from_pretrained(${JSON.stringify(baseModel ?? 'BASE_MODEL')})
model = PeftModel.from_pretrained(base, "PATH_OF_THIS_FOLDER")
\`\`\``
}

/** Plain where YAML reads it back as the same string, quoted otherwise. */
function yamlString(text: string): string {
  return /^[A-Za-z/][\w./-]*(:[\w./-]+)*$/.test(text) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(text)
    ? text
    : JSON.stringify(text)
}
