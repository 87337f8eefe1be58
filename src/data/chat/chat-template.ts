import { check } from '../../core/errors.ts'
import { showNames } from '../../core/show.ts'

/** A Jinja template, or several by name. */
export type ChatTemplate = string | Readonly<Record<string, string>>

/** What of a tokenizer says how conversations are written. */
export interface Templated {
  /** chat_template.jinja's, else tokenizer_config.json's; `null` where there is none. */
  readonly chatTemplate?: ChatTemplate | null
  /** Special tokens as they are written, by tokenizer_config.json's names, such as `bos_token`. */
  readonly specialTokens?: Readonly<Record<string, string>>
}

/**
 * The template that is meant (transformers 5.23, get_chat_template): the one given or named, else 'tool_use' where
 * there are tools, else 'default'.
 * @throws MedAwareError `config` where there is none.
 */
export function templateOf(
  who: string,
  { chatTemplate }: Templated,
  given: string | undefined,
  hasTools: boolean,
): string {
  if (typeof chatTemplate === 'object' && chatTemplate !== null) {
    const named = (name: string) => (Object.hasOwn(chatTemplate, name) ? chatTemplate[name] : undefined)
    const template =
      given === undefined ? ((hasTools ? named('tool_use') : undefined) ?? named('default')) : named(given)
    const found = template ?? given
    check(found !== undefined, 'config', () => {
      return `${who}: the tokenizer has several chat templates and none is 'default'; name one of ${showNames(Object.keys(chatTemplate))}`
    })
    return found
  }
  const found = given ?? chatTemplate
  check(typeof found === 'string', 'config', () => {
    return (
      `${who}: the tokenizer has no chat template, so it does not know how to write messages; ` +
      "give one, chatTemplate: '…', or texts instead of messages"
    )
  })
  return found
}

/** Whether a template says which of its text the assistant's is (TRL 1.16, has_generation_markers). */
export function hasGenerationMarkers(template: string): boolean {
  return /\{%-?\s*generation\s*-?%\}/.test(template)
}
