import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inject } from 'vitest'

/** The repository. */
export const root = fileURLToPath(new URL('../..', import.meta.url))

/** How a program ended, and what it printed. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** What else a run has. */
export interface ProgramOptions {
  readonly input?: string
  /** Flags of Node's. */
  readonly flags?: readonly string[]
  /** Added to this process's. */
  readonly environment?: Readonly<Record<string, string>>
  /** Kilobytes that a file may have at most, as by `ulimit -f`: more is a full disk. */
  readonly fileLimit?: number
  /** Sees what was printed so far and may press Ctrl-C, or send another signal. */
  readonly watch?: (printed: string, interrupt: (signal?: NodeJS.Signals) => void) => void
  /** Is given the same when the program is started. */
  readonly started?: (interrupt: (signal?: NodeJS.Signals) => void) => void
}

/** Where a program of `build-programs.ts` lies, which is named as in the repository, without `.ts`. */
export function programAt(name: string): string {
  return join(inject('programs'), `${name}.mjs`)
}

/** Runs such a program to its end, in the repository's folder. */
export function runProgram(
  name: string,
  words: readonly string[],
  { input = '', flags = [], environment = {}, fileLimit, watch, started }: ProgramOptions = {},
): Promise<Ended> {
  return new Promise((resolve) => {
    const command = [process.execPath, ...flags, programAt(name), ...words]
    const limited = ['bash', '-c', `ulimit -f ${fileLimit}; exec "$@"`, 'bash', ...command]
    const [file = '', ...rest] = fileLimit === undefined ? command : limited
    const child = spawn(file, rest, { cwd: root, env: { ...process.env, ...environment } })
    const interrupt = (signal: NodeJS.Signals = 'SIGINT') => void child.kill(signal)
    started?.(interrupt)
    const printed = { stdout: '', stderr: '' }
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].on('data', (chunk: Buffer) => {
        printed[stream] += chunk.toString()
        watch?.(printed.stdout + printed.stderr, interrupt)
      })
    }
    child.on('close', (code) => resolve({ code, ...printed }))
    child.stdin.end(input)
  })
}
