/** A kernel of one instance: operands, then the first item and the one behind the last. */
export type CpuKernel = (...operands: number[]) => void

/** Most shares a job is cut into: what the low bits of a ticket can count. */
export const mostShares = 1023

// Words of the board. What threads write at the same time lies on cache lines of its own.
const ticketWord = 0
const doneWord = 32
const jobWord = 64
const failedWord = 96
const messageWord = 128
/** How many threads sleep: waking none takes as long as posting a job. */
const sleepersWord = 250
const operandsByte = 1024
const mostOperands = 64
const mostLetters = 120

/**
 * Milliseconds for which a thread looks for what it waits for before it sleeps: waking one takes the system about as
 * long, and the next kernel of a step is posted within them.
 */
const looksFor = 0.05

/** Milliseconds after which a thread that waits for others looks how far they are. */
const looksEvery = 1000

/** Milliseconds without news after which a share counts as lost, */
const usualPatience = 60_000

/** and how many times its own shares' time a thread waits beside them: another may be that much slower. */
const mostTimesSlower = 20

/** What a thread of a board may be told. */
export interface BoardOptions {
  /** Called before this thread's first share of a job: what its kernels keep belongs to another. Default: nothing. */
  readonly beginJob?: () => void
  /** Milliseconds without news, at least, after which a share counts as lost. Default: a minute. */
  readonly patience?: number
}

/** How the items of a job are cut up. */
export interface Cut {
  readonly shares: number
  /** Items of a share; 0 where shares get smaller, which takes at least as many items as shares squared. */
  readonly size: number
}

/** A share was taken and never done: the thread that took it has ended in the middle of it. */
export class LostShare extends Error {
  /** @param seconds For how long no share was done. */
  constructor(readonly seconds: number) {
    super(`no share was done for ${seconds} s`)
  }
}

/**
 * Where threads find work. One of them posts a job, cut into shares; each takes shares until none is left.
 *
 * The ticket counts the shares that are left, under the number of the job. A share is taken by compare-and-swap of the
 * whole ticket, so that what was read of a job before is known to belong to it. The poster waits for shares, not for
 * threads: one that sleeps, has ended, or was stopped by the system between two shares, holds nobody up.
 */
export class JobBoard {
  readonly #words: Int32Array
  readonly #operands: Float64Array
  /** Kernels of this thread's instance, in an order that all threads know. */
  readonly #kernels: readonly CpuKernel[]
  readonly #beginJob: () => void
  readonly #patience: number
  #job = 0

  constructor(memory: SharedArrayBuffer, kernels: readonly CpuKernel[], options: BoardOptions = {}) {
    this.#words = new Int32Array(memory, 0, operandsByte / 4)
    this.#operands = new Float64Array(memory, operandsByte, mostOperands)
    this.#kernels = kernels
    this.#beginJob = options.beginJob ?? (() => {})
    this.#patience = options.patience ?? usualPatience
  }

  /** Bytes that a board takes. */
  static get byteLength(): number {
    return operandsByte + 8 * mostOperands
  }

  /**
   * Runs kernel number `kernel` over all `items`, with the help of the threads that serve the board, and returns when
   * it is done. Throws what the kernel threw, on whichever thread, when no share of it runs any more, and `LostShare`
   * when one never ends: a thread that was ended from outside gives no sign. The board cannot be used after that.
   * @param mayWait Whether this thread may sleep; the main thread of a page may not.
   */
  run(kernel: number, operands: readonly number[], items: number, { shares, size }: Cut, mayWait: boolean): void {
    const words = this.#words
    words[jobWord] = kernel
    words[jobWord + 1] = items
    words[jobWord + 2] = size
    words[jobWord + 3] = shares
    words[jobWord + 4] = operands.length
    // In a loop: `set` takes as long as a small kernel.
    for (let i = 0; i < operands.length; i++) this.#operands[i] = operands[i] ?? 0
    words[failedWord] = 0
    words[doneWord] = 0
    this.#job = (this.#job + 1) & 0x3fffff
    Atomics.store(words, ticketWord, (this.#job << 10) | shares)
    if (Atomics.load(words, sleepersWord) > 0) Atomics.notify(words, ticketWord, shares - 1)
    const start = performance.now()
    this.#takeShares()
    const patience = this.#patience + mostTimesSlower * (performance.now() - start)
    let waited = 0
    for (let done = Atomics.load(words, doneWord); done < shares;) {
      if (!changesSoon(words, doneWord, done, mayWait ? looksFor : looksEvery) && mayWait) {
        this.#sleep(doneWord, done, looksEvery)
      }
      const before = done
      done = Atomics.load(words, doneWord)
      // Looks are counted: the clock goes on while the whole process is stopped.
      waited = done === before ? waited + looksEvery : 0
      if (waited >= patience) throw new LostShare(waited / 1000)
    }
    if (words[failedWord] !== 0) throw new Error(this.#readMessage())
  }

  /** Takes shares of every job that is posted, and never returns. */
  serve(): never {
    for (;;) {
      const empty = this.#takeShares()
      if (!changesSoon(this.#words, ticketWord, empty, looksFor)) this.#sleep(ticketWord, empty)
    }
  }

  /**
   * Sleeps while a word holds `value`. Who changes it looks for sleepers after that: one that is not counted yet finds
   * the word changed and stays awake.
   */
  #sleep(word: number, value: number, milliseconds?: number): void {
    Atomics.add(this.#words, sleepersWord, 1)
    Atomics.wait(this.#words, word, value, milliseconds)
    Atomics.sub(this.#words, sleepersWord, 1)
  }

  /** Takes shares until none is left, and returns the ticket that says so. */
  #takeShares(): number {
    const words = this.#words
    const operands: number[] = []
    // The job whose operands these are: a share taken of it has shown that they were.
    let job = -1
    for (;;) {
      const ticket = Atomics.load(words, ticketWord)
      const left = ticket & mostShares
      if (left === 0) return ticket
      const kernel = Atomics.load(words, jobWord)
      const items = Atomics.load(words, jobWord + 1)
      const size = Atomics.load(words, jobWord + 2)
      const shares = Atomics.load(words, jobWord + 3)
      if (job !== ticket >>> 10) {
        const count = Atomics.load(words, jobWord + 4)
        // Behind them is room for the range of a share.
        operands.length = count + 2
        for (let i = 0; i < count; i++) operands[i] = this.#operands[i] ?? 0
        job = -1
      }
      if (Atomics.compareExchange(words, ticketWord, ticket, ticket - 1) !== ticket) continue
      if (job !== ticket >>> 10) this.#beginJob()
      job = ticket >>> 10
      const begin = firstItem(left - 1, items, shares, size)
      const end = firstItem(left, items, shares, size)
      operands[operands.length - 2] = begin
      operands[operands.length - 1] = end
      if (Atomics.load(words, failedWord) === 0) this.#attempt(kernel, operands)
      if (Atomics.add(words, doneWord, 1) + 1 === shares && Atomics.load(words, sleepersWord) > 0) {
        Atomics.notify(words, doneWord)
      }
    }
  }

  #attempt(kernel: number, operands: readonly number[]): void {
    try {
      this.#kernels[kernel]?.(...operands)
    } catch (error) {
      if (Atomics.compareExchange(this.#words, failedWord, 0, 1) !== 0) return
      const letters = Array.from(String(error).slice(0, mostLetters), (letter) => letter.charCodeAt(0))
      this.#words.set([letters.length, ...letters], messageWord)
    }
  }

  #readMessage(): string {
    const start = messageWord + 1
    return String.fromCharCode(...this.#words.subarray(start, start + Atomics.load(this.#words, messageWord)))
  }
}

/**
 * Where a share begins. Shares are taken from the last to the first: where they are of no fixed size each is smaller
 * than the one taken before it by the same number of items, so that threads end at about the same time (trapezoid
 * self-scheduling, Tzeng & Ni 1993).
 */
function firstItem(share: number, items: number, shares: number, size: number): number {
  return size > 0 ? Math.min(share * size, items) : Math.floor((items * share * share) / (shares * shares))
}

/** Looks at a word for so many milliseconds, and says whether it ceased to hold `value`. */
function changesSoon(words: Int32Array, index: number, value: number, milliseconds: number): boolean {
  const until = performance.now() + milliseconds
  do {
    for (let i = 0; i < 64; i++) if (Atomics.load(words, index) !== value) return true
  } while (performance.now() < until)
  return false
}
