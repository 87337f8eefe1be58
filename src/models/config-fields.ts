import { check, MedAwareError } from '../core/errors.ts'

/** A config.json, parsed. */
export type ConfigJson = Readonly<Record<string, unknown>>

/** Reads an architecture's values from a config.json, by one of several names each; `null` counts as left out. */
export class ConfigFields {
  /** @param who Whom errors speak for: the architecture. */
  constructor(
    private readonly json: ConfigJson,
    private readonly who: string,
  ) {}

  /** A number above 0. @throws MedAwareError `config` where it is missing or senseless. */
  positive(keys: readonly string[], fallback?: number): number {
    const value = this.given(keys) ?? fallback
    if (typeof value === 'number' && value > 0) return value
    throw new MedAwareError(
      'config',
      `${this.who}: config.json needs a positive ${keys.join(' or ')}, got ${JSON.stringify(value) ?? 'nothing'}`,
    )
  }

  /** A whole number above 0. @throws MedAwareError `config`. */
  whole(keys: readonly string[], fallback?: number): number {
    const value = this.positive(keys, fallback)
    check(
      Number.isInteger(value),
      'config',
      () => `${this.who}: config.json needs a whole ${keys.join(' or ')}, got ${value}`,
    )
    return value
  }

  /** @throws MedAwareError `config` for what is neither true nor false. */
  flag(key: string, fallback: boolean): boolean {
    const value = this.given([key]) ?? fallback
    if (typeof value === 'boolean') return value
    throw new MedAwareError(
      'config',
      `${this.who}: config.json needs ${key} true or false, got ${JSON.stringify(value)}`,
    )
  }

  /** The id of a token, or several; `null` where there is none. */
  tokenIds(key: string): number | readonly number[] | null {
    const value = this.given([key])
    if (typeof value === 'number') return value
    return Array.isArray(value) && value.every((id): id is number => typeof id === 'number') ? value : null
  }

  /** The first of the names that is there. */
  given(keys: readonly string[]): unknown {
    const key = keys.find((name) => this.json[name] !== undefined && this.json[name] !== null)
    return key === undefined ? undefined : this.json[key]
  }

  /** @throws MedAwareError `unsupported` unless `key` is `only` or left out. */
  only(key: string, only: string | number): void {
    const value = this.given([key]) ?? only
    check(
      value === only,
      'unsupported',
      () => `${this.who}: config.json has ${key} ${JSON.stringify(value)}; only ${JSON.stringify(only)} is known`,
    )
  }

  /** @throws MedAwareError `config` where heads do not share `whole` evenly. */
  divides(whole: number, what: string, parts: number, by: string): void {
    check(whole % parts === 0, 'config', () => `${this.who}: ${what} ${whole} is not a multiple of ${by} ${parts}`)
  }
}
