import type { TokenTexts } from './token-texts.ts'
import type { AnswerRequest } from '../request/answer-request.ts'
import type { AnswerPiece } from './answers.ts'
import { chatLogProbs, completionLogProbs } from './answer-json.ts'
import type { PlacedToken } from './told-text.ts'

/** How one of the two ways of asking writes answers. */
export interface AnswerFormat {
  /** Begins the ids of its answers. */
  readonly idPrefix: string
  /** What a whole answer calls itself, and what a piece of a stream does. */
  readonly object: string
  readonly chunkObject: string
  /** What a stream tells of an answer before its first piece, if anything. */
  begin(index: number): object | null
  /** A piece of a stream. */
  chunk(piece: AnswerPiece, request: AnswerRequest, texts: TokenTexts): object
  /** A whole answer. */
  whole(piece: AnswerPiece, request: AnswerRequest, texts: TokenTexts): object
}

/** `/v1/completions`. */
export const completionFormat: AnswerFormat = {
  idPrefix: 'cmpl-',
  object: 'text_completion',
  chunkObject: 'text_completion',
  begin: () => null,
  chunk: completionChoice,
  whole: completionChoice,
}

function completionChoice({ index, text, tokens, finish }: AnswerPiece, { top }: AnswerRequest, texts: TokenTexts) {
  const logprobs = top === null ? null : completionLogProbs(tokens, texts, top)
  return { index, text, logprobs, finish_reason: finish }
}

/** `/v1/chat/completions`. */
export const chatFormat: AnswerFormat = {
  idPrefix: 'chatcmpl-',
  object: 'chat.completion',
  chunkObject: 'chat.completion.chunk',
  begin: (index) => {
    const delta = { role: 'assistant', content: '', refusal: null }
    return { index, delta, logprobs: null, finish_reason: null }
  },
  chunk: ({ index, text, tokens, finish }, request, texts) => {
    const delta = text === '' ? {} : { content: text }
    return { index, delta, logprobs: chatTokens(tokens, request, texts), finish_reason: finish }
  },
  whole: ({ index, text, tokens, finish }, request, texts) => {
    const message = { role: 'assistant', content: text, refusal: null }
    return { index, message, logprobs: chatTokens(tokens, request, texts), finish_reason: finish }
  },
}

function chatTokens(tokens: readonly PlacedToken[], { top }: AnswerRequest, texts: TokenTexts) {
  return top === null ? null : chatLogProbs(tokens, texts, top)
}
