import { find } from '../find.ts'
import type { SampleAnswer } from './training.ts'

/** What the model has answered on the way, by step. */
export class SamplesView {
  readonly #list = find('samples', HTMLOListElement)
  #shown: readonly SampleAnswer[] = []
  #count = 0

  /** Adds what is new; another list begins anew. */
  show(samples: readonly SampleAnswer[]): void {
    if (samples !== this.#shown || samples.length < this.#count) {
      this.#list.replaceChildren()
      this.#count = 0
      this.#shown = samples
    }
    for (const [i, sample] of samples.entries()) {
      if (i < this.#count) continue
      const before = samples.slice(0, i).findLast(({ question }) => question === sample.question)
      this.#list.append(itemOf(sample, before?.answer === sample.answer))
    }
    this.#count = samples.length
    find('no-samples', HTMLElement).hidden = this.#count > 0
  }
}

/** @param isSame As the answer before. */
function itemOf({ step, question, answer }: SampleAnswer, isSame: boolean): HTMLLIElement {
  const item = document.createElement('li')
  const [when, asked, said] = ['h3', 'p', 'p'].map((tag) => document.createElement(tag))
  if (when && asked && said) {
    when.textContent = step === 0 ? 'Before training' : `Step ${step}`
    asked.className = 'note'
    asked.textContent = question
    said.className = 'answer'
    said.textContent = isSame ? 'As before.' : answer === '' ? '(nothing)' : answer
    item.append(when, asked, said)
  }
  return item
}
