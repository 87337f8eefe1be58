import { check } from '../../core/errors.ts'
import { show } from '../../core/show.ts'
import type { EvaluationTask } from './task.ts'

const labels = ['yes', 'no', 'maybe']
const source = 'Jin et al. 2019 (arXiv 1909.06146), on the 500 test questions'

/** PubMedQA, whether an abstract says yes, no or maybe (lm-evaluation-harness, tasks/pubmedqa). */
export const pubmedqa: EvaluationTask = {
  name: 'pubmedqa',
  sampler: 'random',
  labels,
  humans: [
    { who: 'a person who sees the abstract without its conclusion', acc: 0.78, macroF1: 0.722, source },
    { who: 'a person who sees the conclusion too', acc: 0.904, macroF1: 0.842, source },
  ],
  prompt({ id, question, context, options }) {
    check(context !== undefined, 'config', () => {
      return `evaluate: pubmedqa needs the abstract as context, and question ${show(id)} has none`
    })
    check(options.length === 3 && labels.every((label, i) => label === options[i]), 'config', () => {
      return `evaluate: pubmedqa's options are yes, no and maybe, in this order; those of question ${show(id)} are not`
    })
    return `Abstract: ${context}\nQuestion: ${question}\nAnswer:`
  },
  choices: () => labels,
}
