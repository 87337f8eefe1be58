import { hostname } from 'node:os'
import { codeOf } from './node-errors.ts'

/** Of programs on machines whose names are not known, none is known to have ended. */
const nameless = 'here'

/** This program among those that may share a folder. */
export function ownName(): string {
  return `${machine()}.${process.pid}`
}

/** Whether the program of a name is known to have ended; of one on another machine that is never known. */
export function programHasEnded(processName: string): boolean {
  const [, name, pid] = /^(.*)\.(\d+)$/.exec(processName) ?? []
  if (name !== machine() || name === nameless) return false
  try {
    process.kill(Number(pid), 0)
    return false
  } catch (cause) {
    // EPERM: there is one, of another user.
    return codeOf(cause) === 'ESRCH'
  }
}

/** The machine's name without what a file's name may not have; `nameless` where it may not be known. */
function machine(): string {
  try {
    return hostname().replace(/[^\w-]/g, '-') || nameless
  } catch {
    return nameless
  }
}
