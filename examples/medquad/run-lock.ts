import { readFileSync, rmSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { MedAwareError } from 'peft-medaware'

const LOCK = 'run.lock'

/** Locks that this process has taken, and what stands in each: one listener lets go of them all. */
const held = new Map<string, string>()

function letGo(): void {
  for (const [path, own] of held) if (readOr(path) === own) rmSync(path, { force: true })
}

/**
 * Keeps a folder to this process until it ends, by a file that names it. One whose process is gone is taken over.
 * @throws MedAwareError `config` where another process has the folder, `disk` where it cannot be written.
 */
export async function lockFolder(folder: string): Promise<void> {
  const path = `${folder}/${LOCK}`
  const own = `${process.pid} on ${hostname()}\n`
  const refused = (cause: unknown) => new MedAwareError('disk', `${folder} cannot be used: ${String(cause)}`, { cause })
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw refused(cause)
  })
  for (let attempt = 0; ; attempt++) {
    try {
      await writeFile(path, own, { flag: 'wx' })
      break
    } catch (cause) {
      const isTaken = cause instanceof Error && 'code' in cause && cause.code === 'EEXIST'
      if (!isTaken) throw refused(cause)
    }
    const holder = await readFile(path, 'utf8').catch(() => '')
    if (attempt > 1 || isAlive(holder)) {
      const who = holder.trim() === '' ? 'another process' : `process ${holder.trim()}`
      throw new MedAwareError(
        'config',
        `${folder} is in use by ${who}; wait for it, or give another --out (if nothing runs there, remove ${path})`,
      )
    }
    await rm(path, { force: true })
  }
  if (held.size === 0) process.once('exit', letGo)
  held.set(path, own)
}

/** Whether the process that wrote a lock still runs; of another machine's nothing is known, so it counts as running. */
function isAlive(holder: string): boolean {
  const [, pid, host] = /^(\d+) on (.*)\n$/.exec(holder) ?? []
  if (pid === undefined) return false
  if (host !== hostname()) return true
  try {
    process.kill(Number(pid), 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
