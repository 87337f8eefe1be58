import { applyChatTemplate, type Message, type TextTokenizer } from '../../src/index.ts'
import { type Check, equal, same, worst } from '../golden/check.ts'
import type { Numbers } from './numbers.ts'

interface Vectors {
  readonly vectors: readonly {
    readonly text: string
    readonly ids: readonly number[]
    readonly ids_no_special: readonly number[]
    readonly ids_special_as_text?: readonly number[]
    readonly decoded: string
    readonly decoded_skip_special: string
  }[]
  readonly chats: readonly {
    readonly messages: readonly Message[]
    readonly add_generation_prompt: boolean
    readonly text: string
    readonly ids: readonly number[]
  }[]
}

interface Pair {
  readonly question: string
  readonly answer: string
  readonly text: string
  readonly tokens: number
}

/** Texts and conversations as ids and back, as transformers has them. */
export async function* tokenizerChecks(tokenizer: TextTokenizer, numbers: Numbers): AsyncGenerator<Check> {
  const { vectors, chats } = numbers.json('tokenizer-vectors.json') as Vectors
  const all = (what: string, check: (vector: Vectors['vectors'][number], name: string) => Check) => {
    return worst(
      what,
      vectors.map((vector) => check(vector, JSON.stringify(vector.text))),
    )
  }
  yield all('ids of texts', ({ text, ids }, name) => equal(name, tokenizer.encode(text), ids))
  yield all('ids without special tokens around them', ({ text, ids_no_special }, name) => {
    return equal(name, tokenizer.encode(text, { addSpecialTokens: false }), ids_no_special)
  })
  yield all('ids of texts whose special tokens are text', ({ text, ids, ids_special_as_text = ids }, name) => {
    return equal(name, tokenizer.encode(text, { splitSpecialTokens: true }), ids_special_as_text)
  })
  yield all('ids decoded', ({ ids, decoded }, name) => {
    return same(name, tokenizer.decode(ids, { skipSpecialTokens: false }), decoded)
  })
  yield all('ids decoded without special tokens', ({ ids, decoded_skip_special }, name) => {
    return same(name, tokenizer.decode(ids), decoded_skip_special)
  })
  const written: Check[] = []
  for (const { messages, add_generation_prompt: addGenerationPrompt, text, ids } of chats) {
    const own = await applyChatTemplate(tokenizer, messages, { addGenerationPrompt })
    written.push(same(JSON.stringify(messages.at(-1)), own, text))
    written.push(equal('its ids', tokenizer.encode(own, { addSpecialTokens: false }), ids))
  }
  for (const { question, answer, text, tokens } of numbers.json('qlora/examples.json') as readonly Pair[]) {
    const messages = [
      { role: 'user', content: question },
      { role: 'assistant', content: answer },
    ]
    const own = await applyChatTemplate(tokenizer, messages)
    written.push(same(JSON.stringify(question), own, text))
    written.push(equal('its tokens', [tokenizer.encode(own, { addSpecialTokens: false }).length], [tokens]))
  }
  yield worst('conversations by the chat template, text and ids', written)
}
