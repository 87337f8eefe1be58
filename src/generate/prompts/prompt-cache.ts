import type { KeyValueCaches } from '../../models/caches/key-value-caches.ts'
import type { PromptPiece } from './prompt-pieces.ts'

/** A prompt that was read. */
export interface KeptPrompt {
  /** What it was read by, such as an adapter. */
  readonly reader: string
  readonly pieces: readonly PromptPiece[]
  /** Keys and values of the pieces. */
  readonly caches: KeyValueCaches
}

/** The prompts that were read last, as far as they fit, for those that begin like them. */
export class PromptCache {
  /** The latest last. */
  #kept: KeptPrompt[] = []
  readonly #maxBytes: number

  /** @param maxBytes Of the device's memory and of logits together. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Of all that is kept. */
  get byteLength(): number {
    return this.#kept.reduce((sum, kept) => sum + bytesOf(kept), 0)
  }

  /**
   * The prompt that has most pieces in common with another, from the first on.
   * @param isEchoed Whether pieces count only where it is known how likely their tokens are.
   */
  find(reader: string, wanted: readonly (readonly number[])[], isEchoed: boolean): Found | null {
    let best: Found | null = null
    for (const kept of this.#kept) {
      if (kept.reader !== reader) continue
      const count = common(kept.pieces, wanted, isEchoed)
      if (count > (best?.count ?? 0)) best = { kept, count }
    }
    return best
  }

  /** Takes in a prompt and its caches, and frees what it stands for, and the oldest that no longer fit. */
  put(added: KeptPrompt): void {
    const ids = added.pieces.map((piece) => piece.ids)
    const isOld = ({ reader, pieces }: KeptPrompt) => {
      return reader === added.reader && common(pieces, ids, false) >= pieces.length - 1
    }
    for (const { caches } of this.#kept.filter(isOld)) caches.dispose()
    this.#kept = [...this.#kept.filter((kept) => !isOld(kept)), added]
    while (this.byteLength > this.#maxBytes) this.#kept.shift()?.caches.dispose()
  }

  /** Frees all of it. */
  dispose(): void {
    for (const { caches } of this.#kept.splice(0)) caches.dispose()
  }
}

/** A prompt, and how many of its pieces are those that were looked for. */
export interface Found {
  readonly kept: KeptPrompt
  readonly count: number
}

function bytesOf({ pieces, caches }: KeptPrompt): number {
  return pieces.reduce((sum, { logits }) => sum + logits.byteLength, caches.byteLength)
}

function common(pieces: readonly PromptPiece[], wanted: readonly (readonly number[])[], isEchoed: boolean): number {
  const differs = pieces.findIndex(({ ids, inner }, i) => {
    const other = wanted[i]
    const isSame = other?.length === ids.length && ids.every((id, at) => id === other[at])
    return !isSame || (isEchoed && inner === null)
  })
  return differs < 0 ? pieces.length : differs
}
