/** A question, the answer that a careful helper gives, and one that it does not. */
export interface Preference {
  readonly question: string
  readonly chosen: string
  readonly rejected: string
}

/** Answers that send to a doctor, beside those that promise too much. */
export const preferences: readonly Preference[] = [
  {
    question: 'What are the treatments for asthma?',
    chosen: 'A doctor can prescribe inhalers that open the airways and calm them.',
    rejected: 'Asthma goes away by itself, no treatment is needed.',
  },
  {
    question: 'What are the treatments for gout?',
    chosen: 'Talk to a doctor about medicines that lower uric acid and ease the pain.',
    rejected: 'Gout is always cured within a day.',
  },
  {
    question: 'How to diagnose anemia?',
    chosen: 'A doctor orders a blood test that counts red blood cells.',
    rejected: 'You can tell anemia by looking at your hands.',
  },
  {
    question: 'Is eczema inherited?',
    chosen: 'It often runs in families, but the exact inheritance is not known.',
    rejected: 'Eczema is never inherited.',
  },
]
