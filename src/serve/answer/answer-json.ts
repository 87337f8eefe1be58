import type { TokenLogProbs } from '../../generate/log-probs.ts'
import type { Usage } from './answers.ts'
import type { PlacedToken } from './told-text.ts'
import type { TokenTexts } from './token-texts.ts'

/** Tokens as `/v1/completions` tells them. */
export interface CompletionLogProbs {
  readonly tokens: string[]
  /** null for the first of a prompt. */
  readonly token_logprobs: (number | null)[]
  readonly top_logprobs: (Record<string, number> | null)[]
  readonly text_offset: number[]
}

/** @param top The likeliest tokens of each place; the one that stands there is among them too. */
export function completionLogProbs(tokens: readonly PlacedToken[], texts: TokenTexts, top: number): CompletionLogProbs {
  return {
    tokens: tokens.map(({ token }) => texts.of(token)),
    token_logprobs: tokens.map(({ logProbs }) => logProbs?.logProb ?? null),
    top_logprobs: tokens.map(({ logProbs }) => logProbs && byText(logProbs, texts, top)),
    text_offset: tokens.map(({ offset }) => offset),
  }
}

/** Of tokens that are written alike, the likeliest. */
function byText(logProbs: TokenLogProbs, texts: TokenTexts, top: number): Record<string, number> {
  const all = [...logProbs.top.slice(0, top), logProbs]
  return Object.fromEntries(all.reverse().map(({ token, logProb }) => [texts.of(token), logProb]))
}

interface ChatToken {
  readonly token: string
  readonly logprob: number
  /** UTF-8; null where the token is a part of a character. */
  readonly bytes: number[] | null
}

/** Tokens as `/v1/chat/completions` tells them. */
export interface ChatLogProbs {
  readonly content: (ChatToken & { readonly top_logprobs: ChatToken[] })[]
  readonly refusal: null
}

/** @param top The likeliest tokens of each place. */
export function chatLogProbs(tokens: readonly PlacedToken[], texts: TokenTexts, top: number): ChatLogProbs {
  const told = (token: number, logprob: number): ChatToken => {
    const text = texts.of(token)
    return { token: text, logprob, bytes: text.includes('\uFFFD') ? null : [...new TextEncoder().encode(text)] }
  }
  const content = tokens.flatMap(({ token, logProbs }) => {
    if (logProbs === null) return []
    const likeliest = logProbs.top.slice(0, top).map((each) => told(each.token, each.logProb))
    return [{ ...told(token, logProbs.logProb), top_logprobs: likeliest }]
  })
  return { content, refusal: null }
}

/** How many tokens there were. */
export function usageJson({ promptTokens, cachedTokens, completionTokens }: Usage) {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: cachedTokens },
  }
}
