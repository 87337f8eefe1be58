import type { Pair } from '../pairs.ts'

/** Tells a kept pair from every other. */
export const keyOf = ({ question, answer }: Pair): string => `${question}\0${answer}`
