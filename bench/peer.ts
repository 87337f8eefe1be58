import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** What a runner in `peers/` prints. */
export interface PeerAnswer {
  readonly version: string
  readonly milliseconds: number
}

const run = promisify(execFile)
const folder = new URL('peers/', import.meta.url)

/** Runs a peer once, in a process of its own; in its place the reason why it cannot be had. */
export async function askPeer(file: string, args: readonly (string | number)[]): Promise<PeerAnswer | string> {
  const isPython = file.endsWith('.py')
  const program = isPython ? (process.env['BENCH_PYTHON'] ?? 'python3') : process.execPath
  try {
    const { stdout } = await run(program, [fileURLToPath(new URL(file, folder)), ...args.map(String)])
    const last = stdout.trim().split('\n').at(-1) ?? ''
    return JSON.parse(last) as PeerAnswer
  } catch (error) {
    const { stderr = '' } = error as { readonly stderr?: string }
    const reason = stderr.split('\n').find((text) => /Error/.test(text)) ?? String(error)
    return `${reason.trim()}; ${isPython ? 'pip install -r bench/requirements.txt, and BENCH_PYTHON says which python' : 'npm install --prefix bench'}`
  }
}
