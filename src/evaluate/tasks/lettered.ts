import { check } from '../../core/errors.ts'
import { show } from '../../core/show.ts'
import type { Question } from '../question.ts'

const alphabet = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZ')

/** The letters of a question's options. @throws MedAwareError `config` for more than there are letters. */
export function letters({ id, options }: Question): readonly string[] {
  check(options.length <= alphabet.length, 'config', () => {
    return `evaluate: question ${show(id)} has ${options.length} options, and there are ${alphabet.length} letters`
  })
  return alphabet.slice(0, options.length)
}

/** `A. …` and so on, each in a line that ends. */
export function letteredLines(question: Question): string {
  return letters(question)
    .map((letter, i) => `${letter}. ${question.options[i] ?? ''}\n`)
    .join('')
}

/** @throws MedAwareError `config` unless a question has so many options, as all of a benchmark's have. */
export function checkOptions(task: string, { id, options }: Question, count: number): void {
  check(options.length === count, 'config', () => {
    return `evaluate: ${task} has ${count} options to a question, and question ${show(id)} has ${options.length}`
  })
}
