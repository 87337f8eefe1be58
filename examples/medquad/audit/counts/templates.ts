import { isAnswered } from '../../data/clean-medquad.ts'
import { type Tally, tally } from '../../data/count-medquad.ts'
import type { MedquadPair } from '../../data/medquad-pair.ts'
import { foldWords } from './fold-words.ts'

/** How questions are made. */
export interface QuestionTemplates {
  /** Questions without case and punctuation in which … stands for the focus, the commonest first. */
  readonly templates: Tally
  /** Answered rows whose question names its focus. */
  readonly rows: number
  /** Different questions of the other rows: such without a focus, or that do not name it. */
  readonly others: number
  readonly otherRows: number
}

/** Templates of the answered pairs' questions. */
export function templatesOf(pairs: readonly MedquadPair[]): QuestionTemplates {
  const templates: string[] = []
  const others: string[] = []
  for (const { focus, question } of pairs.filter(isAnswered)) {
    const [name, asked] = [foldWords(focus), foldWords(question)]
    if (name !== '' && asked.includes(name)) templates.push(asked.replace(name, () => '…'))
    else others.push(asked)
  }
  const distinct = new Set(others).size
  return { templates: tally(templates), rows: templates.length, others: distinct, otherRows: others.length }
}
