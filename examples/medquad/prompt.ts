/** What the model reads before it answers. */
export function promptOf(question: string): string {
  return `Question: ${question}\nAnswer:`
}
