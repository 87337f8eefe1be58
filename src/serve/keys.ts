import { sha256 } from '../core/sha256.ts'
import { ApiError } from './api-error.ts'

/** The keys that let a request in. */
export class Keys {
  readonly #digests: Promise<readonly string[]>

  constructor(keys: readonly string[]) {
    this.#digests = Promise.all(keys.map(sha256))
  }

  /** Sees that a request brings one of them, where there are any. @throws ApiError 401. */
  async check(headers: Headers): Promise<void> {
    const digests = await this.#digests
    if (digests.length === 0) return
    const given = await sha256(bearerOf(headers) ?? '')
    // All are looked at, and all of each, so that the time it takes says nothing.
    if (digests.filter((digest) => isEqual(digest, given)).length > 0) return
    throw new ApiError(401, 'the request needs a key of this server: Authorization: Bearer KEY', {
      code: 'invalid_api_key',
      headers: { 'www-authenticate': 'Bearer' },
    })
  }
}

/** The key that a request brings, known or not. */
export function bearerOf(headers: Headers): string | null {
  return /^Bearer +(\S+)$/i.exec(headers.get('authorization')?.trim() ?? '')?.[1] ?? null
}

function isEqual(one: string, other: string): boolean {
  let difference = one.length ^ other.length
  for (let i = 0; i < one.length; i++) difference |= one.charCodeAt(i) ^ other.charCodeAt(i)
  return difference === 0
}
