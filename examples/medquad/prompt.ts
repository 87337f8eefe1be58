import type { PromptCompletion } from 'peft-medaware'

/** What the model reads before it answers. */
export function promptOf(question: string): string {
  return `Question: ${question}\nAnswer:`
}

/** A pair as text to learn from: only the answer is. */
export function pairText(pair: { readonly question: string; readonly answer: string }): PromptCompletion {
  return { prompt: promptOf(pair.question), completion: ` ${pair.answer}` }
}
