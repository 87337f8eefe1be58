import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { built, optionsOfNode } from './built.ts'
import type { Answer, Ready } from './serve.ts'

/** A program that times one thing whenever it is asked, in a process of its own: see serve.ts. */
export class Runner {
  readonly #file: string
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>
  readonly #lines: AsyncIterator<string>
  #complaints = ''

  /**
   * @param file From this folder; a .py runs with BENCH_PYTHON, all else is compiled, and runs with this Node and its
   *   options.
   * @param env Its environment. Default: this process's.
   */
  constructor(file: string, args: readonly (string | number)[], env: NodeJS.ProcessEnv = process.env) {
    const [program, options, path] = isPython(file)
      ? [process.env['BENCH_PYTHON'] ?? 'python3', [], fileURLToPath(new URL(file, import.meta.url))]
      : [process.execPath, optionsOfNode(), built(file)]
    this.#file = file
    this.#child = spawn(program, [...options, path, ...args.map(String)], { stdio: ['pipe', 'pipe', 'pipe'], env })
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
    this.#child.stderr.on('data', (text: Buffer) => {
      this.#complaints += text.toString()
    })
    this.#child.on('error', ({ message }) => {
      this.#complaints += `Error: ${message}\n`
    })
    // A runner that has ended is noticed where its answer is missing.
    this.#child.stdin.on('error', () => undefined)
  }

  /** Waits until it has built what it times. @throws Error that says why it cannot, and the remedy. */
  async ready(): Promise<Ready> {
    return (await this.#next()) as Ready
  }

  /** Times `calls`. @param variant Of those that it has, if it has several. @throws Error if it has ended. */
  async ask(calls: number, variant = ''): Promise<Answer> {
    this.#child.stdin.write(`${`${calls} ${variant}`.trimEnd()}\n`)
    return (await this.#next()) as Answer
  }

  /** The most memory it has had resident so far, in gigabytes; null where the system does not say (not Linux). */
  get peakMemory(): number | null {
    try {
      const status = readFileSync(`/proc/${this.#child.pid}/status`, 'utf8')
      return (Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? NaN) * 1024) / 1e9 || null
    } catch {
      return null
    }
  }

  async stop(): Promise<void> {
    this.#child.stdin.end()
    if (this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null) {
      await once(this.#child, 'exit')
    }
  }

  async #next(): Promise<Ready | Answer> {
    for (;;) {
      const { value, done } = await this.#lines.next()
      if (done) throw new Error(this.#reason())
      if (value.startsWith('{')) return JSON.parse(value) as Ready | Answer
    }
  }

  #reason(): string {
    const { signalCode } = this.#child
    if (signalCode !== null) return `ended by ${signalCode}`
    const error = this.#complaints.split('\n').findLast((text) => /Error/.test(text)) ?? 'it ended'
    const remedy = /No module|Cannot find|ENOENT/.test(error)
      ? isPython(this.#file)
        ? '; pip install -r bench/requirements.txt, and BENCH_PYTHON says which python'
        : '; npm install --prefix bench'
      : ''
    return error.trim() + remedy
  }
}

function isPython(file: string): boolean {
  return file.endsWith('.py')
}
