import { completeText, evaluateLoss, type PretrainedLm, type TextTokenizer } from 'peft-medaware'
import type { Dialogue } from '../../dialogue.ts'
import { type Fact, says } from './facts.ts'

/** What a model knows of a fact. */
export interface Knowledge {
  /** -log likelihood of the whole answer with the old and with the new value, in nats. */
  readonly oldNats: number
  readonly newNats: number
  /** The most likely answer, and which of the values it says. */
  readonly answer: string
  readonly saysOld: boolean
  readonly saysNew: boolean
}

/** Asks a model for facts, greedily, and how likely it finds either answer. */
export async function measureFacts(
  model: PretrainedLm,
  tokenizer: TextTokenizer,
  { promptOf, examplesOf }: Dialogue,
  facts: readonly Fact[],
  onProgress: (done: number, total: number) => void,
): Promise<Knowledge[]> {
  const natsOf = async (which: 'old' | 'new') => {
    const pairs = facts.map((fact) => ({ question: fact.question, answer: fact[which].answer }))
    const { examples } = await evaluateLoss(model, await examplesOf(pairs, longest))
    return examples ?? []
  }
  const [was, is] = [await natsOf('old'), await natsOf('new')]
  const known: Knowledge[] = []
  for (const [i, fact] of facts.entries()) {
    const prompt = await promptOf(fact.question)
    const answer = (await completeText(model, tokenizer, prompt, { doSample: false, maxNewTokens: 40 })).trim()
    known.push({
      ...{ oldNats: was[i]?.nats ?? NaN, newNats: is[i]?.nats ?? NaN, answer },
      ...{ saysOld: says(answer, fact.old), saysNew: says(answer, fact.new) },
    })
    onProgress(i + 1, facts.length)
  }
  return known
}

/** Tokens of a question and its answer, facts are far shorter. */
const longest = 64
