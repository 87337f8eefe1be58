import type { Draw } from '../../generate/draw-tokens.ts'
import type { TokenLogProbs } from '../../generate/log-probs.ts'
import { TextStream } from '../../generate/text-stream.ts'
import type { TextTokenizer } from '../../generate/text-tokenizer.ts'
import { StopTexts } from './stop-texts.ts'

/** How likely a token of a text is, and where it begins there. */
export interface PlacedToken {
  readonly token: number
  /** `null` for the first token of a prompt. */
  readonly logProbs: TokenLogProbs | null
  /** In UTF-16 units. */
  readonly offset: number
}

/** Some text and its tokens. */
export interface TextPiece {
  readonly text: string
  readonly tokens: readonly PlacedToken[]
}

/** The text of tokens that come one by one, as far as it may be told. */
export class ToldText {
  readonly #stream: TextStream
  readonly #stops: StopTexts
  /** Not told yet. */
  #tokens: PlacedToken[] = []
  /** Of what the tokens have said, told or held back. */
  #said: number
  #told: number

  /** @param offset Of the text before it. */
  constructor(tokenizer: TextTokenizer, prompt: readonly number[], stops: readonly string[], offset: number) {
    this.#stream = new TextStream(tokenizer, prompt)
    this.#stops = new StopTexts(stops)
    this.#said = offset
    this.#told = offset
  }

  /** Whether a stop has come. */
  get isOver(): boolean {
    return this.#stops.isOver
  }

  /** What a token adds. */
  push({ token, logProbs }: Draw): TextPiece {
    this.#tokens.push({ token, logProbs, offset: this.#said })
    return this.#tell(this.#stream.push(token))
  }

  /** What was held back. */
  end(): TextPiece {
    const { text, tokens } = this.#tell(this.#stream.end())
    const rest = this.#stops.end()
    if (this.isOver) return { text, tokens }
    return { text: text + rest, tokens: [...tokens, ...this.#tokens.splice(0)] }
  }

  #tell(piece: string): TextPiece {
    this.#said += piece.length
    const text = this.#stops.push(piece)
    this.#told += text.length
    const isTold = ({ offset }: PlacedToken) => offset < this.#told
    const tokens = this.#tokens.filter(isTold)
    this.#tokens = this.#tokens.filter((each) => !isTold(each))
    return { text, tokens }
  }
}
