/** What a value is kept under. */
export interface Entry<V> {
  /** Gone when the entry is removed. */
  value: V | undefined
  readonly key: readonly number[]
  readonly hash: number
  /** What was found after it the last time; most work repeats what was done before. */
  next: Entry<V> | null
}

/**
 * A map whose keys are short rows of numbers. A look-up makes nothing for the garbage collector, which strings would:
 * start a key, push the rest of it, and ask. What followed the last time is looked at first.
 */
export class NumbersMap<V> {
  readonly #entries = new Map<number, Entry<V>[]>()
  #size = 0
  /** The key at hand. */
  readonly #key: number[] = []
  #length = 0
  #hash = 0
  #last: Entry<V> | null = null

  get size(): number {
    return this.#size
  }

  /** Starts a key. */
  start(first: number): void {
    this.#length = 0
    this.#hash = 0
    this.push(first)
  }

  push(value: number): void {
    this.#key[this.#length++] = value
    this.#hash = Math.imul(this.#hash ^ value, 0x9e3779b1) ^ (this.#hash >>> 15)
  }

  /** What was found after the last one found the last time; null where that is not known. */
  get guess(): Entry<V> | null {
    return this.#last?.next ?? null
  }

  /** Takes a guess, whose key the caller has compared, for found. */
  follow(guess: Entry<V>): void {
    this.#last = guess
  }

  /** What is kept under the key at hand. */
  find(): V | undefined {
    const { guess } = this
    const found = guess?.value !== undefined && this.#isAtHand(guess) ? guess : this.#lookUp()
    if (found === undefined) return undefined
    if (found !== guess && this.#last !== null) this.#last.next = found
    this.#last = found
    return found.value
  }

  /** Keeps a value under the key at hand, which has none. */
  add(value: V): Entry<V> {
    const entry = { value, key: this.#key.slice(0, this.#length), hash: this.#hash, next: null }
    const alike = this.#entries.get(entry.hash)
    if (alike === undefined) this.#entries.set(entry.hash, [entry])
    else alike.push(entry)
    this.#size++
    return entry
  }

  remove(entry: Entry<V>): void {
    const alike = this.#entries.get(entry.hash) ?? []
    const others = alike.filter((other) => other !== entry)
    this.#size -= alike.length - others.length
    entry.value = undefined
    entry.next = null
    if (others.length > 0) this.#entries.set(entry.hash, others)
    else this.#entries.delete(entry.hash)
  }

  clear(): void {
    this.#entries.clear()
    this.#size = 0
    this.#last = null
  }

  #lookUp(): Entry<V> | undefined {
    const alike = this.#entries.get(this.#hash)
    if (alike === undefined) return undefined
    for (const entry of alike) if (this.#isAtHand(entry)) return entry
    return undefined
  }

  #isAtHand({ key, hash }: Entry<V>): boolean {
    if (hash !== this.#hash || key.length !== this.#length) return false
    for (let i = 0; i < key.length; i++) if (key[i] !== this.#key[i]) return false
    return true
  }
}
