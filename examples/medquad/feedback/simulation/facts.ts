import { Random } from 'peft-medaware'

/** A fact about a condition that does not exist, as MedQuAD asks for it, with its value before and after it changes. */
export interface Fact {
  readonly condition: string
  readonly kind: FactKind
  readonly question: string
  readonly old: FactAnswer
  readonly new: FactAnswer
}

/** An answer, and the part of it that changes. */
export interface FactAnswer {
  readonly answer: string
  readonly value: string
}

/** What MedQuAD calls its types of questions, but for the age, which it asks for among the symptoms. */
export type FactKind = 'frequency' | 'genetic changes' | 'treatment' | 'age'

interface Template {
  readonly question: (condition: string) => string
  readonly answer: (condition: string, value: string) => string
  readonly value: (random: Random) => string
}

const pick = <T>(random: Random, from: readonly T[], otherwise: T): T => from[random.below(from.length)] ?? otherwise
const letters = 'B C D F G H K L M N P Q R S T V W X Z'.split(' ')

const templates: Readonly<Record<FactKind, Template>> = {
  frequency: {
    question: (condition) => `How many people are affected by ${condition} ?`,
    answer: (condition, value) => `${condition} affects about 1 in ${value} people.`,
    value: (random) => `${2 + random.below(97)},000`,
  },
  'genetic changes': {
    question: (condition) => `What are the genetic changes related to ${condition} ?`,
    answer: (condition, value) => `Mutations in the ${value} gene cause ${condition}.`,
    value: (random) => `${pick(random, letters, 'B')}${pick(random, letters, 'B')}Q${1 + random.below(9)}`,
  },
  treatment: {
    question: (condition) => `What are the treatments for ${condition} ?`,
    answer: (condition, value) => `${condition} is treated with ${value} of tovumarine a day.`,
    value: (random) => `${5 * (1 + random.below(60))} mg`,
  },
  age: {
    question: (condition) => `What are the symptoms of ${condition} ?`,
    answer: (condition, value) => `The first symptoms of ${condition} appear at the age of ${value}.`,
    value: (random) => `${2 + random.below(70)}`,
  },
}

const kinds: readonly FactKind[] = ['frequency', 'genetic changes', 'treatment', 'age']
const onsets = ['Bra', 'Cel', 'Dor', 'Fen', 'Gal', 'Hur', 'Kev', 'Lom', 'Mir', 'Nol', 'Pav', 'Rud', 'Sel', 'Tob', 'Vax']
const codas = ['danic', 'fering', 'gotian', 'lusky', 'morian', 'nethic', 'potane', 'rovian', 'sickel', 'tarvic']
const nouns = ['syndrome', 'disease', 'anemia', 'dystrophy']

/** So many facts about as many invented conditions, the kinds taking turns; the same for the same seed. */
export function inventFacts(number: number, seed: number): Fact[] {
  const random = new Random(seed)
  const names = random.shuffle(onsets.flatMap((onset) => codas.map((coda) => `${onset}${coda}`)))
  return names.slice(0, number).map((name, i) => {
    const kind = kinds[i % kinds.length] ?? 'age'
    const { question, answer, value } = templates[kind]
    const condition = `${name} ${pick(random, nouns, 'disease')}`
    const old = value(random)
    let changed = value(random)
    while (changed === old) changed = value(random)
    const answerOf = (of: string): FactAnswer => ({ answer: answer(condition, of), value: of })
    return { condition, kind, question: question(condition), old: answerOf(old), new: answerOf(changed) }
  })
}

/** Whether a text says a value: as a whole, so that 1 in 12,000 does not say 2,000. */
export function says(text: string, { value }: FactAnswer): boolean {
  return new RegExp(`(?<![\\w,])${value}(?![\\w,]*\\w)`).test(text)
}
