import { MedAwareError } from '../core/errors.ts'

/** A failure of the file system in this library's words. */
export function explain(who: string, path: string, cause: unknown): MedAwareError {
  if (codeOf(cause) === 'ENOENT') return new MedAwareError('not-found', `${who}: there is no ${path}`, { cause })
  if (isOutOfRoom(cause)) {
    return new MedAwareError('memory', `${who}: no room on the disk for ${path}; the file before it is untouched`, {
      cause,
    })
  }
  return new MedAwareError('unsupported', `${who}: cannot use ${path}, ${messageOf(cause)}`, { cause })
}

/** Whether a write failed because the disk, a quota or the largest file there may be is full. */
export function isOutOfRoom(cause: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EFBIG'].includes(String(codeOf(cause)))
}

export function codeOf(cause: unknown): unknown {
  return cause instanceof Error && 'code' in cause ? cause.code : undefined
}

export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
