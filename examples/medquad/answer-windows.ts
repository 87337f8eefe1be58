import type { Example, TextTokenizer } from 'peft-medaware'
import type { MedquadPair } from './data/medquad-pair.ts'

/** Answers one after another, each ended by EOS, cut into windows of `length` tokens that are predicted whole. */
export function answerWindows(tokenizer: TextTokenizer, pairs: readonly MedquadPair[], length: number): Example[] {
  const stream = Int32Array.from(
    pairs.flatMap(({ answer: text }) => [
      ...tokenizer.encode(text, { addSpecialTokens: false }),
      tokenizer.eosTokenId ?? 0,
    ]),
  )
  return Array.from({ length: Math.floor(stream.length / length) }, (_, i) => {
    const inputIds = stream.slice(i * length, (i + 1) * length)
    const bytes = new TextEncoder().encode(tokenizer.decode([...inputIds.subarray(1)])).length
    return { inputIds, labels: inputIds, bytes }
  })
}
