import type { Draw } from '../../generate/draw-tokens.ts'
import type { Generation } from '../../generate/generation-options.ts'
import { PromptSession } from '../../generate/prompts/prompt-session.ts'
import { byTurns } from '../queue/turns.ts'
import type { AnswerRequest, Prompt } from '../request/answer-request.ts'
import type { ServedModels, Turn } from '../served-models.ts'
import { type TextPiece, ToldText } from './told-text.ts'

/** What an answer goes on with. */
export interface AnswerPiece extends TextPiece {
  /** Which answer, among those to all prompts. */
  readonly index: number
  /** Why it has ended, if it has. */
  readonly finish: 'stop' | 'length' | null
}

/** Tokens of all prompts and answers of a request. */
export interface Usage {
  promptTokens: number
  /** Of the prompts' tokens, those that were known from earlier ones. */
  cachedTokens: number
  completionTokens: number
}

/**
 * Answers a request, as far as it is told. What is under way ends when `signal` is aborted or this is left.
 * @param ends Tokens that end a text. @param usage Is counted up as it goes.
 */
export async function* answers(
  served: ServedModels,
  request: AnswerRequest,
  { ends, usage, signal }: { readonly ends: ReadonlySet<number>; readonly usage: Usage; readonly signal: AbortSignal },
): AsyncGenerator<AnswerPiece, void, undefined> {
  const { model, maxNewTokens, seed, sampling, n, isEchoed } = request
  const generation = { maxNewTokens, stops: ends, seed, signal, sampling }
  const turn = served.turnOf(model)
  for (const [place, prompt] of request.prompts.entries()) {
    const isRead = isEchoed && request.top !== null
    const session = new PromptSession(served.model, served.prompts, prompt.ids, {
      ...{ reader: model, isEchoed: isRead, signal },
    })
    try {
      const reading = byTurns(session.read(), turn)
      while ((await reading.next()).done !== true);
      usage.promptTokens += prompt.ids.length
      usage.cachedTokens += session.reusedTokens
      const echo = isEchoed ? echoOf(served, prompt, isRead ? session.logProbs() : []) : null
      for (let choice = 0; choice < n; choice++) {
        const index = place * n + choice
        if (echo !== null) yield { index, ...echo, finish: maxNewTokens === 0 ? 'length' : null }
        if (maxNewTokens === 0) continue
        const text = new ToldText(served.tokenizer, prompt.ids, request.stop, echo?.text.length ?? 0)
        for await (const piece of answer(session, text, generation, { choice, top: request.top, turn, usage })) {
          yield { index, ...piece }
        }
      }
    } finally {
      await turn(async () => session.close())
    }
  }
}

/** A prompt as the text before its answer. */
function echoOf({ tokenizer }: ServedModels, { ids, text }: Prompt, logProbs: ReturnType<PromptSession['logProbs']>) {
  const told = new ToldText(tokenizer, [], [], 0)
  const tokens = logProbs.flatMap((logProb, i) => {
    return told.push({ token: ids[i] ?? 0, isLast: false, logProbs: logProb }).tokens
  })
  const rest = told.end()
  return {
    text: text ?? tokenizer.decode(ids, { skipSpecialTokens: false }),
    tokens: [...tokens, ...rest.tokens],
  }
}

interface Choice {
  readonly choice: number
  readonly top: number | null
  readonly turn: Turn
  readonly usage: Usage
}

/** One answer to a prompt that was read. */
async function* answer(
  session: PromptSession,
  text: ToldText,
  generation: Generation,
  { choice, top, turn, usage }: Choice,
): AsyncGenerator<Omit<AnswerPiece, 'index'>, void, undefined> {
  let last: Draw | null = null
  for await (const draw of byTurns(session.draw(generation, { top, stream: choice }), turn)) {
    usage.completionTokens++
    last = draw
    const piece = text.push(draw)
    if (piece.text !== '') yield { ...piece, finish: null }
    if (text.isOver) break
  }
  yield { ...text.end(), finish: text.isOver || last?.isLast === true ? 'stop' : 'length' }
}
