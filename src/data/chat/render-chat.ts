import { hasGenerationMarkers } from './chat-template.ts'

/** A conversation as a text. */
export interface RenderedChat {
  readonly text: string
  /** Where the assistant's own text is, [begin, end) in UTF-16 units, by the template's `{% generation %}`. */
  readonly generated: readonly (readonly [begin: number, end: number])[]
}

/** Writes variables, such as messages, as the template says. @throws MedAwareError as `render`. */
export type ChatRenderer = (variables: Readonly<Record<string, unknown>>) => RenderedChat

/**
 * The block that `{% generation %}` stands for: transformers calls what is in it just so. Its own line is cut out with
 * the line's end.
 */
const prelude = '{% macro generation_block() %}{{ generation_begin }}{{ caller() }}{{ generation_end }}{% endmacro %}\n'

/**
 * Compiles a template with `@huggingface/jinja`, which is loaded first.
 * @throws MedAwareError `format` for what is no template, or too large a one.
 */
export async function chatRenderer(template: string): Promise<ChatRenderer> {
  const { compile, render } = await import('./bounded-interpreter.ts')
  const isMarked = hasGenerationMarkers(template)
  const program = compile(isMarked ? `${prelude}${withCalls(template)}` : template)
  return (variables) => {
    if (!isMarked) return { text: render(program, variables), generated: [] }
    const [begin, end] = marksFor(variables)
    return cutMarks(render(program, { ...variables, generation_begin: begin, generation_end: end }), begin, end)
  }
}

/** The tag as a call of the prelude's block, trimmed alike. */
function withCalls(template: string): string {
  return template
    .replace(/\{%(-?)\s*generation\s*(-?)%\}/g, '{%$1 call generation_block() $2%}')
    .replace(/\{%(-?)\s*endgeneration\s*(-?)%\}/g, '{%$1 endcall $2%}')
}

/** Two texts that occur in no variable. */
function marksFor(variables: Readonly<Record<string, unknown>>): readonly [string, string] {
  const all = JSON.stringify(variables)
  let number = 0
  while (all.includes(`\uE000${number}`)) number++
  return [`\uE000${number}\uE001`, `\uE000${number}\uE002`]
}

function cutMarks(marked: string, begin: string, end: string): RenderedChat {
  let text = ''
  const generated = marked.split(begin).flatMap((part, i): [number, number][] => {
    const from = text.length
    const [inside = '', ...outside] = part.split(end)
    text += inside
    const to = text.length
    text += outside.join('')
    return i === 0 ? [] : [[from, to]]
  })
  return { text, generated }
}
