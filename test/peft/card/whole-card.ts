import type { CardContent } from '../../../src/peft/card/card-content.ts'

/** All that a card can have. */
export const wholeCard: CardContent = {
  medical: true,
  intendedUse: ['To show QLoRA.'],
  outOfScopeUse: ['Children.'],
  limitations: ['It is small.'],
  trainingData: {
    name: 'MedQuAD',
    url: 'https://github.com/abachaa/MedQuAD',
    license: 'CC BY 4.0',
    attribution: 'Ben Abacha & Demner-Fushman 2019',
    counts: { 'training pairs': 14_000 },
    split: 'by disease',
  },
  figures: { Steps: '2 of 2', Seed: 42, Device: 'CPU', Time: '1 s' },
  results: [
    {
      ...{ task: 'pubmedqa', metric: 'accuracy', dataset: 'qiaojin/PubMedQA', split: 'test', n: 500 },
      figure: { value: 0.61, low: 0.566, high: 0.652 },
      baselines: { 'base without adapter': { value: 0.55, low: 0.51, high: 0.59 }, chance: { value: 1 / 3 } },
      note: 'p = 0.01',
    },
    { task: 'held-out answers', metric: 'loss', figure: { value: 2.5 } },
  ],
  intervals: "Wilson's",
  license: 'cc-by-4.0',
  datasets: ['lavita/MedQuAD'],
  language: ['en'],
  tags: ['demonstration'],
  commit: 'c0ffee',
}
