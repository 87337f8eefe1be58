/** Why rows are left out, by names for programs, in words. */
export const reasons = {
  unreadable: 'cannot be read',
  'no-question': 'no question',
  'no-answer': 'no answer',
  duplicate: 'the same question and answer as before',
  'several-turns': 'not one question and one answer',
  'too-long': 'the question fills the tokens of the limit',
} as const

export type Reason = keyof typeof reasons
