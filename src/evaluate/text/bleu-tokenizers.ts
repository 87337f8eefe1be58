import { pythonWords } from '../../core/python/words.ts'

/** How texts are cut into words for BLEU; sacrebleu's names. */
export const bleuTokenizers = ['13a', 'intl', 'char', 'none'] as const

export type BleuTokenizer = (typeof bleuTokenizers)[number]

const steps13a: readonly (readonly [RegExp, string])[] = [
  [/([{-~[-` -&(-+:-@/])/gu, ' $1 '],
  // A full stop or a comma, unless a digit is before it; then unless one is behind it.
  [/([^0-9])([.,])/gu, '$1 $2 '],
  [/([.,])([^0-9])/gu, ' $1 $2'],
  // A hyphen behind a digit.
  [/([0-9])(-)/gu, '$1 $2 '],
]

const stepsIntl: readonly (readonly [RegExp, string])[] = [
  [/(\P{N})(\p{P})/gu, '$1 $2 '],
  [/(\p{P})(\P{N})/gu, ' $1 $2'],
  [/(\p{S})/gu, ' $1 '],
]

const entities: readonly (readonly [string, string])[] = [
  ['&quot;', '"'],
  ['&amp;', '&'],
  ['&lt;', '<'],
  ['&gt;', '>'],
]

const preparations: Readonly<Record<BleuTokenizer, (line: string) => string>> = {
  // As mteval-v13a.pl does.
  '13a': (line) => {
    const oneLine = line.replaceAll('<skipped>', '').replaceAll('-\n', '').replaceAll('\n', ' ')
    const plain = entities.reduce((text, [entity, character]) => text.replaceAll(entity, character), oneLine)
    return replaceAll(` ${plain} `, steps13a)
  },
  intl: (line) => replaceAll(line, stepsIntl),
  char: (line) => Array.from(line).join(' '),
  none: (line) => line,
}

/** A line's words, as sacrebleu 2.6.0 counts them. */
export function bleuWords(line: string, tokenizer: BleuTokenizer): string[] {
  return pythonWords(preparations[tokenizer](line))
}

function replaceAll(line: string, steps: readonly (readonly [RegExp, string])[]): string {
  return steps.reduce((text, [pattern, replacement]) => text.replace(pattern, replacement), line)
}
