import { check } from '../../core/errors.ts'

/** Characters of a token: each of its cuts is looked at. Those of the field have 16, runs of spaces 31. */
const longestToken = 128

/**
 * The merges of a SentencePiece model, which has scores alone: each way to make a token of two, by the token's score
 * (transformers' convert_slow_tokenizer.py, `generate_merges`).
 * @param isMade Of the token with an id: whether it is made by merges at all.
 * @throws MedAwareError `unsupported` for a token of more than 128 characters.
 */
export function mergesOf(
  who: string,
  tokens: readonly string[],
  scores: readonly number[],
  isMade: (id: number) => boolean,
): readonly (readonly [string, string])[] {
  const ids = new Map(tokens.flatMap((token, id) => (isMade(id) ? [[token, id] as const] : [])))
  const merges: { readonly pair: readonly [string, string]; readonly key: readonly number[] }[] = []
  for (const [token, id] of ids) {
    check(token.length <= longestToken, 'unsupported', () => {
      return `${who}: token ${id} has ${token.length} characters, ${longestToken} are the most that is merged`
    })
    const letters = Array.from(token)
    const own: { readonly pair: readonly [string, string]; readonly at: readonly [number, number, number] }[] = []
    for (let cut = 1, left = ''; cut < letters.length; cut++) {
      left += letters[cut - 1] ?? ''
      const right = token.slice(left.length)
      const [a, b] = [ids.get(left), ids.get(right)]
      if (a !== undefined && b !== undefined) own.push({ pair: [left, right], at: [a, b, cut] })
    }
    own.sort((x, y) => x.at[0] - y.at[0] || x.at[1] - y.at[1])
    for (const { pair, at } of own) merges.push({ pair, key: [scores[id] ?? 0, at[2], letters.length - at[2]] })
  }
  merges.sort((x, y) => {
    const differing = x.key.findIndex((value, i) => value !== y.key[i])
    return differing < 0 ? 0 : (y.key[differing] ?? 0) - (x.key[differing] ?? 0)
  })
  return merges.map(({ pair }) => pair)
}
