import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { afterAll } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** The command of this source tree as one file, which starts ten times as fast as its sources under tsx. */
const program = join(root, `out/test-cli-${process.pid}.mjs`)
await build({
  entryPoints: [join(root, 'src/cli/main.ts')],
  outfile: program,
  bundle: true,
  platform: 'node',
  format: 'esm',
  packages: 'external',
  alias: { '#platform': join(root, 'src/platform/node.ts') },
})
afterAll(() => rmSync(program, { force: true }))

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

/** Runs `peft-medaware`, on the CPU engine unless the words say otherwise. */
export function runCli(
  words: readonly string[],
  { input = '', fileLimit, watch, started }: CliOptions = {},
): Promise<Ended> {
  return new Promise((resolve) => {
    const command = [program, ...words]
    const child =
      fileLimit === undefined
        ? spawn(process.execPath, command, { cwd: root })
        : spawn('bash', ['-c', `ulimit -f ${fileLimit}; exec "$@"`, 'bash', process.execPath, ...command], {
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
