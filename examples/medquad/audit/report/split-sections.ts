import { count } from '../../words.ts'
import type { Audit } from '../audit-medquad.ts'
import { percent, type Section } from './section.ts'

/** Different answers that say nearly the same. */
export function nearSection({ near, repeats }: Audit): Section {
  const { options, check } = near
  const recall =
    check.near === 0
      ? 'there were none to find'
      : `MinHash found ${count(check.found)} of the ${count(check.near)} near pairs`
  return {
    title: 'Answers that are nearly the same',
    paragraphs: [
      `${count(near.texts)} of ${count(repeats.answers.distinct)} different answers (${percent(near.texts, repeats.answers.distinct)}) are nearly another one, in ${count(near.pairs)} pairs. Nearly means that of all runs of ${options.shingle} words that either has, both have ${percent(options.threshold, 1)} or more (Jaccard).`,
      `How it was found: MinHash with ${options.permutations} permutations in ${options.bands} bands of ${options.permutations / options.bands}, seed ${options.seed}, gave ${count(near.candidates)} candidates, each of which was compared exactly. On ${count(check.texts)} answers drawn at random all ${count(check.pairs)} pairs were compared: ${recall}, and ${percent(check.found, check.candidates)} of its candidates there were near; the rest was dropped. The estimate was off by ${check.meanError.toFixed(3)} in the mean.`,
    ],
  }
}

/** What the held-out part has in common with the training, for the recipe's split and for a random one. */
export function splitSection({ split }: Audit): Section {
  const { byDisease, random, rows, examples } = split
  const line = (what: string, key: 'focus' | 'question' | 'answer' | 'near') => {
    const { mean, least, most } = random
    const range = `${percent(mean[key], random.heldOut)} (${percent(least[key], random.heldOut)} to ${percent(most[key], random.heldOut)})`
    return [what, byDisease[key], percent(byDisease[key], byDisease.heldOut), Math.round(mean[key]), range]
  }
  const pairs = examples.map(({ similarity, heldOut, train }) => [
    similarity.toFixed(2),
    `${heldOut.question} ${around(heldOut.answer)}`,
    `${train.question} ${around(train.answer)}`,
  ])
  return {
    title: 'What the test has in common with the training',
    paragraphs: [
      `The recipe holds out whole diseases: ${count(byDisease.heldOut)} of ${count(rows)} pairs. Beside it stands what many do, a random ${percent(random.share, 1)} of all ${count(random.rows)} answered pairs, drawn ${random.draws} times (seeds 0 to ${random.draws - 1}; mean, least and most). After such a split a model is tested on diseases that it has read about.`,
      'A split by disease cannot remove boilerplate: answers on different diseases share it, so that some of those held out, or nearly those, stand in the training.',
    ],
    tables: [
      {
        caption: 'Held-out pairs that stand in the training in one way or another',
        columns: ['in common', 'by disease', 'of its test', 'random', 'of its test'],
        rows: [
          line('the disease, by name', 'focus'),
          line('the question, case and punctuation aside', 'question'),
          line('the answer, word for word', 'answer'),
          line('the answer, or nearly it', 'near'),
        ],
      },
      ...(pairs.length > 0
        ? [
            {
              caption: 'Held-out answers that are nearly one of the training, by disease',
              columns: ['similarity', 'held out', 'training'],
              rows: pairs,
            },
          ]
        : []),
    ],
  }
}

/** The begin of an answer on a line. */
const around = (answer: string): string => {
  const line = answer.replace(/\s+/g, ' ')
  return line.length > 220 ? `${line.slice(0, 219)}…` : line
}
