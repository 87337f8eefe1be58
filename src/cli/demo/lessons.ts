/** Diseases, and a sentence about each that the demonstration teaches. */
const sentences: Readonly<Record<string, string>> = {
  asthma: 'A long-lasting disease of the airways, which swell and let too little air in.',
  gout: 'Crystals of uric acid in a joint, which make it hot, swollen and very painful.',
  eczema: 'Skin that is dry, red and itches, often in families with asthma or hay fever.',
  anemia: 'Too few red blood cells, so that the body gets too little oxygen.',
  migraine: 'A strong headache on one side, often with nausea and a dislike of light.',
  'a stroke': 'A part of the brain gets no blood, because a vessel is blocked or has burst.',
  diabetes: 'Too much sugar in the blood, since the body makes or uses too little insulin.',
  pneumonia: 'An infection that fills the air sacs of the lungs with fluid.',
}

/** The ways in which is asked while it learns. */
const ways = [
  (disease: string) => `What is ${disease}?`,
  (disease: string) => `What does ${disease} mean?`,
  (disease: string) => `Can you describe ${disease}?`,
  (disease: string) => `I want to know what ${disease} is.`,
]

/** A question and its answer, by the names of the columns. */
type Lesson = Readonly<Record<'question' | 'answer', string>>

/** What is learned: each disease, asked for in each way. */
export const lessons: readonly Lesson[] = Object.entries(sentences).flatMap(([disease, answer]) =>
  ways.map((ask) => ({ question: ask(disease), answer })),
)

/** What is asked before and after: each disease, in words that were not learned. */
export const exam: readonly Lesson[] = Object.entries(sentences).map(([disease, answer]) => ({
  question: `How would you explain ${disease}?`,
  answer,
}))
