import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The repository. */
export const root = fileURLToPath(new URL('../../..', import.meta.url))

/** How a script ended, and what it printed. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/**
 * Runs a script of the recipe; `watch` sees what it has printed so far and may press Ctrl-C, or send another signal,
 * once; `flags` are Node's, and `environment` is added to this process's.
 */
export function start(
  script: string,
  args: readonly string[],
  input = '',
  watch?: (text: string, stop: (signal?: NodeJS.Signals) => void) => void,
  flags: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--import', 'tsx', ...flags, `examples/medquad/${script}.ts`, ...args], {
      cwd: root,
      env: { ...process.env, ...environment },
    })
    let interrupted = false
    const interrupt = (signal: NodeJS.Signals = 'SIGINT') => {
      if (!interrupted) child.kill(signal)
      interrupted = true
    }
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
