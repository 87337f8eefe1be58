/** How most templates of the ChatML kind write a turn, whatever they put before the first. */
const turn =
  /\{\{\s*'<\|im_start\|>' ?\+ ?message\['role'\] ?\+ ?'(\\n|\n)' ?\+ ?message\['content'\] ?\+ ?'<\|im_end\|>' ?\+ ?'\1'\s*\}\}/g

/**
 * A ChatML template, such as SmolLM2's, that says which of the text the assistant's is: the turn without its header and
 * without the line's end behind it. `null` for a template that writes turns in another way.
 */
export function markChatMl(template: string): string | null {
  const [found, another] = [...template.matchAll(turn)]
  if (found === undefined || another !== undefined) return null
  const [whole, line = ''] = found
  const marked =
    `{% if message['role'] == 'assistant' %}{{ '<|im_start|>assistant${line}' }}` +
    `{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}{{ '${line}' }}` +
    `{% else %}${whole}{% endif %}`
  const before = template.slice(0, found.index)
  return before + marked + template.slice(found.index + whole.length)
}
