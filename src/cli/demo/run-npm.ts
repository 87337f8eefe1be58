import { spawn } from 'node:child_process'
import { basename } from 'node:path'
import { text } from 'node:stream/consumers'
import { MedAwareError } from '../../core/errors.ts'

/** Where and how npm runs. */
interface NpmPlace {
  readonly cwd: string
  readonly signal: AbortSignal
  /** Its options with what a shell would have to quote. */
  readonly environment?: Readonly<Record<string, string>>
}

/**
 * Runs the user's npm, with its registry, proxies and tokens, to the end.
 * @param words Of its command line; on Windows a shell reads them, so they hold no letter that means something to it.
 * @throws MedAwareError `not-found` without npm, `network` with its own words where it fails; the signal's reason.
 */
export async function runNpm(words: readonly string[], { cwd, signal, environment = {} }: NpmPlace): Promise<void> {
  const { npm_execpath: own = '', ...inherited } = process.env
  // The npm that has started this program, if one has; else the one that a shell finds, on Windows a batch file.
  const isNpm = /^n(pm|px)-cli\.[cm]?js$/.test(basename(own))
  const [file, first] = isNpm ? [process.execPath, [own.replace(/npx-cli(\.[cm]?js)$/, 'npm-cli$1')]] : ['npm', []]
  const env = { ...inherited, ...environment }
  const child = spawn(file, [...first, ...words], {
    ...{ cwd, env, signal, shell: !isNpm && process.platform === 'win32' },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const printed = text(child.stderr)
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject).on('close', resolve)
  }).catch((cause: unknown) => {
    signal.throwIfAborted()
    throw new MedAwareError('not-found', 'demo: there is no npm to fetch the small model with', { cause })
  })
  const stderr = await printed
  signal.throwIfAborted()
  if (code !== 0) throw new MedAwareError('network', `demo: npm ${words[0] ?? ''} failed: ${complaintOf(stderr)}`)
}

/** What npm says went wrong, in a line. */
function complaintOf(stderr: string): string {
  const lines = stderr.split('\n').flatMap((line) => /^npm (?:error|ERR!) +(.+)$/.exec(line)?.[1] ?? [])
  const told = lines.filter((line) => !/^(at |errno |syscall |A (complete|debug) log|This is a problem)/.test(line))
  return told.slice(0, 3).join('; ') || stderr.trim() || 'it does not say why'
}
