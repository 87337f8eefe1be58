import { MedAwareError } from '../core/errors.ts'

/** What the system said of a file, as our error. */
export function explain(who: string, path: string, cause: unknown): MedAwareError {
  if (cause instanceof MedAwareError) return cause
  const code = codeOf(cause)
  if (code === 'ENOENT') return new MedAwareError('not-found', `${who}: there is no ${path}`, { cause })
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG') {
    return new MedAwareError('memory', `${who}: no room on the disk for ${path}; the file before it is untouched`, {
      cause,
    })
  }
  return new MedAwareError('unsupported', `${who}: cannot use ${path}, ${messageOf(cause)}`, { cause })
}

/** Node's code of an error, such as ENOENT. */
export function codeOf(cause: unknown): unknown {
  return cause instanceof Error && 'code' in cause ? cause.code : undefined
}

/** What an error says. */
export function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
