import type { PreparedExamples } from 'peft-medaware'
import type { WorkerModel } from 'peft-medaware/worker'
import { promptOf } from '../medquad/prompt.ts'
import type { Pair } from './pairs.ts'

const asks = (content: string) => ({ role: 'user', content })
const says = (content: string) => ({ role: 'assistant', content })

/** How a model is taught and asked: in conversation where it has a chat template, else as the recipe's plain text. */
export class Asking {
  readonly #isChat: boolean

  constructor(private readonly model: WorkerModel) {
    this.#isChat = model.tokenizer?.hasChatTemplate === true
  }

  /** Pairs as tokens, of which only the answers are learned. */
  examplesOf(pairs: readonly Pair[], maxLength: number): Promise<PreparedExamples> {
    const rows = pairs.map(({ question, answer }) =>
      this.#isChat
        ? { prompt: [asks(question)], completion: [says(answer)] }
        : { prompt: promptOf(question), completion: ` ${answer}` },
    )
    return this.model.prepareExamples(rows, { maxLength })
  }

  /**
   * What the model reads before it answers.
   * @param past What was said before; the oldest of it is left out where there is no room for all.
   */
  async asked(question: string, past: readonly Pair[], maxNewTokens: number): Promise<number[]> {
    for (let from = 0; ; from++) {
      const ids = await this.#encoded(question, past.slice(from))
      if (from >= past.length || ids.length + maxNewTokens <= this.model.config.maxPositionEmbeddings) return ids
    }
  }

  async #encoded(question: string, past: readonly Pair[]): Promise<number[]> {
    if (!this.#isChat) {
      const said = past.map((pair) => `${promptOf(pair.question)} ${pair.answer}\n\n`)
      return this.model.encode(`${said.join('')}${promptOf(question)}`)
    }
    const messages = [...past.flatMap((pair) => [asks(pair.question), says(pair.answer)]), asks(question)]
    // Models that may think first, as Qwen3, learn from these pairs to answer at once.
    const options = { addGenerationPrompt: true, templateKwargs: { enable_thinking: false } }
    const text = await this.model.applyChatTemplate(messages, options)
    // The template has written what begins a text.
    return this.model.encode(text, { addSpecialTokens: false })
  }
}
