import { fencesOf } from '../fences.ts'
import type { Page } from '../pages.ts'

/** A command of a page, without the program's name. */
export interface CommandLine {
  /** "page:line" of the fence that it is in. */
  readonly at: string
  readonly words: readonly string[]
}

/** What a shell makes of the fences in `sh` of a page: a list of words for each command. */
export function commandLines({ name, text }: Page): readonly CommandLine[] {
  return fencesOf(text)
    .filter(({ language }) => language === 'sh')
    .flatMap(({ body, line }) => commandsOf(body).map((words) => ({ at: `${name}:${line}`, words })))
}

/** Cuts a script into commands and words; quotes, comments, and what joins lines or commands count, variables do not. */
export function commandsOf(script: string): readonly (readonly string[])[] {
  const commands: string[][] = [[]]
  let word: string | null = null
  const endWord = () => {
    if (word !== null) commands.at(-1)?.push(word)
    word = null
  }
  const parts = script
    .replaceAll('\\\n', ' ')
    .matchAll(/'([^']*)'|"([^"]*)"|(\n|&&|\|\|?|;|>.*)|(\s#.*|^#.*)|(\s)|([^])/gm)
  for (const [, single, double, end, comment, space, letter] of parts) {
    if (end !== undefined) {
      endWord()
      commands.push([])
    } else if (comment !== undefined || space !== undefined) endWord()
    else word = (word ?? '') + (single ?? double ?? letter ?? '')
  }
  endWord()
  return commands.filter(({ length }) => length > 0)
}

/** What comes behind `npx peft-medaware` or `peft-medaware`; `null` for another program. */
export function ownWords(words: readonly string[]): readonly string[] | null {
  const at = words.findIndex((word) => !/^[A-Z_]+=/.test(word))
  const [first, second] = words.slice(at)
  if (first === 'npx' && second === 'peft-medaware') return words.slice(at + 2)
  return first === 'peft-medaware' ? words.slice(at + 1) : null
}

/** The flags that a command's help tells of. */
export function flagsIn(help: string): ReadonlySet<string> {
  return new Set([...help.matchAll(/(?<![\w-])--?[a-z][a-z-]*/g)].map(([flag]) => flag))
}
