import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'

const script = fileURLToPath(new URL('peft_side.py', import.meta.url))

/** A Python that loads its libraries once, and answers one request after another: `peft_side.py serve`. */
export class PythonSide {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #answers: AsyncIterator<string>
  #last: Promise<unknown> = Promise.resolve()
  #fault = 'see what it printed'

  constructor(python: string, ...options: readonly string[]) {
    // AutoPeftModel would look on the Hub for a tokenizer.
    const env = { ...process.env, HF_HUB_OFFLINE: '1' }
    this.#child = spawn(python, [script, 'serve', ...options], { env, stdio: ['pipe', 'pipe', 'inherit'] })
    this.#child.on('error', ({ message }) => (this.#fault = message))
    // Python has ended where nobody reads: the answer that never comes says so.
    this.#child.stdin.on('error', () => null)
    this.#answers = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  /** Sends the words of a subcommand once the requests before it are answered. @returns The answer's line of JSON. */
  ask(...words: readonly string[]): Promise<string> {
    const answer = this.#last.then(async () => {
      this.#child.stdin.write(`${JSON.stringify(words)}\n`)
      const line = await this.#answers.next()
      if (line.done === true) throw new Error(`Python ended without an answer to ${words.join(' ')}: ${this.#fault}`)
      return line.value
    })
    this.#last = answer.catch(() => null)
    return answer
  }

  /** Lets it end. */
  close(): void {
    this.#child.stdin.end()
  }
}
