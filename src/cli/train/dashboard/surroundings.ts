import { spawnSync } from 'node:child_process'

type Environment = Readonly<Record<string, string | undefined>>

/** Streams as far as they say whether a dashboard can be there. */
export interface Streams {
  readonly stdout: { readonly isTTY?: boolean }
  readonly stderr: { readonly isTTY?: boolean }
}

/**
 * Whether a dashboard can be drawn: on a terminal that can move its cursor, that no build server reads, and while
 * results that are printed meanwhile do not go to the same terminal.
 */
export function canDraw({ stdout, stderr }: Streams, environment: Environment, printsMeanwhile: boolean): boolean {
  const { TERM, CI } = environment
  if (stderr.isTTY !== true || TERM === 'dumb') return false
  if (CI !== undefined && CI !== '' && CI !== 'false' && CI !== '0') return false
  return !(printsMeanwhile && stdout.isTTY === true)
}

/**
 * Whether this program is the one that its terminal listens to. One behind a shell's `&` is not: setting the terminal
 * would stop it.
 */
export function isInForeground(): boolean {
  if (process.platform === 'win32') return true
  const { stdout, status } = spawnSync('ps', ['-o', 'stat=', '-p', String(process.pid)], {
    encoding: 'utf8',
    timeout: 2000,
  })
  // Where there is no ps nobody knows, and most programs are.
  return status !== 0 || stdout.includes('+')
}
