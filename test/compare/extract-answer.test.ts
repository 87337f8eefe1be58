import { describe, expect, it } from 'vitest'
import { extractAnswer, type ExtractionStep } from '../../src/compare/choices/extract-answer.ts'

const letters = ['A', 'B', 'C', 'D']
const options = ['Aspirin', 'Low-dose aspirin', 'Warfarin (Coumadin)', 'None of the above']
const labels = ['yes', 'no', 'maybe']

type Case = readonly [text: string, found: string, step: ExtractionStep] | readonly [text: string, found: null]

/** Written by hand, as models write; the answer is the choice that a careful reader takes, `null` for none. */
const lettered: readonly Case[] = [
  ['The answer is B.', 'B', 'answer is'],
  ['The answer is: C', 'C', 'answer is'],
  ['**The correct answer is (D).**', 'D', 'answer is'],
  ['Answer: **B**', 'B', 'answer is'],
  ['The correct option is (b) because of its half-life.', 'B', 'answer is'],
  ['So the answer is\n\n**C**', 'C', 'answer is'],
  ['The answer is option B', 'B', 'answer is'],
  ['The best choice would be D, none of them.', 'D', 'answer is'],
  ['The answer is most likely A.', 'A', 'answer is'],
  ['Thus $\\boxed{B}$.', 'B', 'answer is'],
  ['\\boxed{\\text{C}}', 'C', 'answer is'],
  ['At first the answer is A. But on reflection the final answer is D.', 'D', 'answer is'],
  ['The answer is A. Is the answer a drug? It is.', 'A', 'answer is'],
  ['The answer is warfarin (Coumadin), of course.', 'C', 'answer is'],
  ['The answer is low-dose aspirin.', 'B', 'answer is'],
  ['The answer is a.', 'A', 'answer is'],
  ['<think>The answer is A, or is it?</think>\n\nThe answer is B.', 'B', 'answer is'],
  ['B', 'B', 'line'],
  [' (C) ', 'C', 'line'],
  ['`D`', 'D', 'line'],
  ['B. Low-dose aspirin', 'B', 'line'],
  ['Warfarin (Coumadin).', 'C', 'line'],
  ['It thins blood, and acts on platelets.\n\n**A**\n', 'A', 'line'],
  ['A\nis what I thought first.\nC', 'C', 'line'],
  ['B. It lowers the risk with less bleeding.', 'B', 'beginning'],
  ['C) since the patient has atrial fibrillation', 'C', 'beginning'],
  ['(D) is right, for there is no indication.', 'D', 'beginning'],
  ['None of the above: she needs no drug.', 'D', 'beginning'],
  ['A 45-year-old man with this history is best served by (B), as (B) is safest.', 'B', 'mention'],
  ['I would go with option C here.', 'C', 'mention'],
  ['She should take low-dose aspirin every day.', 'B', 'words'],
  ['Warfarin (Coumadin) is what guidelines ask for.', 'C', 'words'],
  // What a careful reader does not take for a choice either.
  ['', null],
  ['A 45-year-old man should see a doctor.', null],
  ['The answer is not A.', null],
  ['The answer is A or B.', null],
  ['Both (A) and (C) are possible.', null],
  ['(A) or (B)', null],
  ['It depends on aspirin, or warfarin (Coumadin).', null],
  ['The answer is E.', null],
  ['The answer is about platelets.', null],
  ['<think>The answer is A, but', null],
  ['I do not know.', null],
]

const worded: readonly Case[] = [
  ['yes', 'yes', 'line'],
  ['**No.**', 'no', 'line'],
  ['The answer is maybe.', 'maybe', 'answer is'],
  ['The answer is "yes".', 'yes', 'answer is'],
  ['Answer: NO', 'no', 'answer is'],
  ['Yes, the study shows a benefit.', 'yes', 'beginning'],
  ['No. The difference was not significant.', 'no', 'beginning'],
  ['Maybe; the sample was small.', 'maybe', 'beginning'],
  ['The effect was clear.\nyes', 'yes', 'line'],
  ['No evidence of a difference was found.', null],
  ['There is no doubt that it helps, yes indeed.', null],
  ['Answer: yes or no', null],
  ['Answer: yes/no/maybe', null],
  ['Nobody knows.', null],
  ['The answer is yesterday.', null],
]

/** Where the rule is known to err: it knows no grammar. A change of the rule that mends one moves it above. */
const wrong: readonly Case[] = [
  ['Low-dose aspirin would be a mistake.', 'B', 'words'],
  ['The answer is no longer in doubt: it helps.', 'no', 'answer is'],
  ['The answer is A patient, careful reading of the question.', 'A', 'answer is'],
  ['I choose the second one.', null],
]

describe('extractAnswer', () => {
  const read = (text: string, choices: readonly string[], words = choices) => {
    const found = extractAnswer(text, choices, words)
    return found === null ? [null] : [choices[found.choice], found.step]
  }

  it.each(lettered)('reads letters: %j', (...[text, ...wanted]) => {
    expect(read(text, letters, options)).toEqual(wanted)
  })

  it.each(worded)('reads words: %j', (...[text, ...wanted]) => {
    expect(read(text, labels)).toEqual(wanted)
  })

  it.each(wrong)('is known to err: %j', (...[text, ...wanted]) => {
    const isWorded = wanted[0] === 'no'
    expect(isWorded ? read(text, labels) : read(text, letters, options)).toEqual(wanted)
  })

  it('reads long and odd texts in a moment', () => {
    const started = performance.now()
    for (const text of [
      'answer is '.repeat(5000),
      `answer is${' '.repeat(50_000)}x`,
      '('.repeat(50_000),
      'A,'.repeat(25_000),
      '\n'.repeat(50_000),
      'the answer: '.repeat(5000),
    ]) {
      extractAnswer(text, letters, options)
    }
    expect(performance.now() - started).toBeLessThan(3000)
  })

  it('takes options with marks of patterns as they are', () => {
    const odd = ['5 mg/kg (i.v.)', 'a+b=c?', '[none]', 'x|y']
    expect(extractAnswer('She got 5 mg/kg (i.v.) at once', letters, odd)).toEqual({ choice: 0, step: 'words' })
    expect(extractAnswer('It is a+b=c? then', letters, odd)).toEqual({ choice: 1, step: 'words' })
    expect(extractAnswer('It is aab=c then', letters, odd)).toBeNull()
    expect(() => extractAnswer(3 as never, letters)).toThrow('extractAnswer: text must be a text, got 3')
    expect(() => extractAnswer('A', ['A'])).toThrow('choices must be a list of at least 2')
  })
})
