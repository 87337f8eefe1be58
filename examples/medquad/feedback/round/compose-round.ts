import { Random } from 'peft-medaware'

/** A question, and what is to be answered. */
export interface Pair {
  readonly question: string
  readonly answer: string
}

/** How much of a round is replay. */
export interface RoundMix {
  /** Times that each correction is gone through. */
  readonly passes: number
  /** Pairs of MedQuAD for each correction of a pass; 0 for none. */
  readonly general: number
  /** Earlier corrections for each correction of a pass; 0 for none. */
  readonly earlier: number
}

/** What a round may go through. */
export interface RoundSources<T> {
  /** What is to be learnt now. */
  readonly corrections: readonly T[]
  /** What was learnt in earlier rounds. */
  readonly earlier: readonly T[]
  /** Pairs of MedQuAD that train, none of them held out or on guard. */
  readonly general: readonly T[]
}

/**
 * What a round goes through, pass by pass: in each all corrections, and beside them replay against forgetting, dealt
 * from earlier corrections and from MedQuAD so that none comes a second time before all have come once.
 */
export function composeRound<T>({ corrections, earlier, general }: RoundSources<T>, mix: RoundMix, seed: number): T[] {
  const random = new Random(seed)
  const [recalled, replayed] = [dealer(earlier, random), dealer(general, random)]
  return Array.from({ length: mix.passes }, () =>
    random.shuffle([
      ...corrections,
      ...recalled(Math.round(mix.earlier * corrections.length)),
      ...replayed(Math.round(mix.general * corrections.length)),
    ]),
  ).flat()
}

/** Deals from a shuffled deck, which is shuffled anew when it is used up; of no cards none. */
function dealer<T>(cards: readonly T[], random: Random): (number: number) => T[] {
  let deck: T[] = []
  return (number) => {
    const hand: T[] = []
    while (hand.length < number && cards.length > 0) {
      if (deck.length === 0) deck = random.shuffle([...cards])
      const card = deck.pop()
      if (card !== undefined) hand.push(card)
    }
    return hand
  }
}
