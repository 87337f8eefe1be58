import { check } from '../../core/errors.ts'
import { anyText, either, listOf, readArgument, type Rule } from '../../core/options.ts'

/** One text, or several that are as good. */
export type References = string | readonly string[]

/** A text that was written, and those that it is held against. */
export interface TextPair {
  readonly candidate: string
  readonly references: readonly string[]
}

const references: Rule<References> = either(anyText, listOf(anyText, 1))

/** @throws MedAwareError `config` where they are no texts. */
export function readReferences(who: string, name: string, given: References): readonly string[] {
  const read = readArgument(who, name, given, references)
  return typeof read === 'string' ? [read] : read
}

/** @throws MedAwareError `config` where they are no texts, or differ in number. */
export function readPairs(who: string, candidates: readonly string[], given: readonly References[]): TextPair[] {
  const texts = readArgument(who, 'candidates', candidates, listOf(anyText))
  const lists = readArgument(who, 'references', given, listOf(references))
  check(texts.length === lists.length, 'config', () => {
    return `${who}: there are ${texts.length} candidates and ${lists.length} references; give the references of each`
  })
  return texts.map((candidate, i) => ({ candidate, references: [lists[i] ?? []].flat() }))
}
