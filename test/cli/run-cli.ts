import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** How the command ended, and what it printed. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** What else a run has. */
export interface CliOptions {
  readonly input?: string
  /** Kilobytes that a file may have at most, as by `ulimit -f`: more is a full disk. */
  readonly fileLimit?: number
  /** Sees what was printed so far and may press Ctrl-C, or send another signal. */
  readonly watch?: (printed: string, interrupt: (signal?: NodeJS.Signals) => void) => void
  /** Is given the same when the program is started. */
  readonly started?: (interrupt: (signal?: NodeJS.Signals) => void) => void
}

/** Runs `peft-medaware` from its sources, on the CPU engine unless the words say otherwise. */
export function runCli(
  words: readonly string[],
  { input = '', fileLimit, watch, started }: CliOptions = {},
): Promise<Ended> {
  return new Promise((resolve) => {
    const program = ['--import', 'tsx', 'src/cli/main.ts', ...words]
    const child =
      fileLimit === undefined
        ? spawn(process.execPath, program, { cwd: root })
        : spawn('bash', ['-c', `ulimit -f ${fileLimit}; exec "$@"`, 'bash', process.execPath, ...program], {
            cwd: root,
          })
    const interrupt = (signal: NodeJS.Signals = 'SIGINT') => void child.kill(signal)
    started?.(interrupt)
    const printed = { stdout: '', stderr: '' }
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].on('data', (chunk: Buffer) => {
        printed[name] += chunk.toString()
        watch?.(printed.stdout + printed.stderr, interrupt)
      })
    }
    child.on('close', (code) => resolve({ code, ...printed }))
    child.stdin.end(input)
  })
}
