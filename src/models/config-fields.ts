import { check, MedAwareError } from '../core/errors.ts'
import { isJsonObject } from '../core/json.ts'
import { type Rule, that } from '../core/options.ts'
import { show } from '../core/show.ts'
import type { ModelConfig } from './causal-lm.ts'

/** A config.json, parsed. */
export type ConfigJson = Readonly<Record<string, unknown>>

/** The most that a size may be: what 32 bits count, with a sign. */
const mostOfSize = 2 ** 31 - 1
/** The most heads, and channels of one; the most layers. Beyond every model, and no work to go through. */
export const mostHeads = 65536
export const mostLayers = 10_000
/** The most that is not infinite in f32. */
const mostOfF32 = 3.4e38

/** A config.json that a caller gives. */
export const configJsonRule = that('a config.json that was parsed', isJsonObject)

/**
 * A config that a caller gives, with layers that can be counted. @param modelType Of its architecture. Default: any.
 */
export function configRule<C extends ModelConfig>(modelType?: C['modelType']): Rule<C> {
  return that('a config, such as parseModelConfig gives', (value): value is C => {
    if (!isJsonObject(value) || typeof value['modelType'] !== 'string') return false
    if (modelType !== undefined && value['modelType'] !== modelType) return false
    const { numHiddenLayers: layers } = value
    return Number.isInteger(layers) && Number(layers) > 0 && Number(layers) <= mostLayers
  })
}

/** Reads an architecture's values from a config.json, by one of several names each; `null` counts as left out. */
export class ConfigFields {
  /** @param who Whom errors speak for: the architecture, and where its fields stand. */
  constructor(
    private readonly json: ConfigJson,
    private readonly who: string,
  ) {}

  /** A number above 0. @throws MedAwareError `config` where it is missing or senseless. */
  positive(keys: readonly string[], { fallback, most = mostOfF32 }: Bounds = {}): number {
    const value = this.given(keys) ?? fallback
    if (typeof value === 'number' && value > 0 && value <= most) return value
    const bound = typeof value === 'number' && value > most ? ` of at most ${most}` : ''
    const got = value === undefined ? 'nothing' : show(value)
    throw new MedAwareError(
      'config',
      `${this.who}: config.json needs a positive ${keys.join(' or ')}${bound}, got ${got}`,
    )
  }

  /** A whole number above 0. @throws MedAwareError `config`. */
  whole(keys: readonly string[], { fallback, most = mostOfSize }: Bounds = {}): number {
    const value = this.positive(keys, { most, ...(fallback !== undefined && { fallback }) })
    check(
      Number.isInteger(value),
      'config',
      () => `${this.who}: config.json needs a whole ${keys.join(' or ')}, got ${value}`,
    )
    return value
  }

  /** A whole number from 0 on. @throws MedAwareError `config`. */
  count(key: string, fallback: number): number {
    const value = this.given([key]) ?? fallback
    if (Number.isInteger(value) && Number(value) >= 0 && Number(value) <= mostOfSize) return Number(value)
    throw new MedAwareError('config', `${this.who}: config.json needs ${key} as a whole number, got ${show(value)}`)
  }

  /** @throws MedAwareError `config` for what is neither true nor false. */
  flag(key: string, fallback: boolean): boolean {
    const value = this.given([key]) ?? fallback
    if (typeof value === 'boolean') return value
    throw new MedAwareError('config', `${this.who}: config.json needs ${key} true or false, got ${show(value)}`)
  }

  /** The id of a token, or several; `null` where there is none. @throws MedAwareError `config` for what is no id. */
  tokenIds(key: string): number | readonly number[] | null {
    const value = this.given([key]) ?? null
    if (value === null || isTokenId(value)) return value
    if (Array.isArray(value) && value.every(isTokenId)) return value
    throw new MedAwareError(
      'config',
      `${this.who}: config.json needs ${key} as the id of a token, or a list of ids, got ${show(value)}`,
    )
  }

  /**
   * What stands under the first of the names that is there. @throws MedAwareError `config` where two names say two
   * things.
   */
  given(keys: readonly string[]): unknown {
    const [key, ...others] = keys.filter((name) => this.json[name] !== undefined && this.json[name] !== null)
    if (key === undefined) return undefined
    const other = others.find((name) => this.json[name] !== this.json[key])
    check(other === undefined, 'config', () => {
      const [one, two] = [key, other ?? ''].map((name) => `${name} ${show(this.json[name])}`)
      return `${this.who}: config.json has ${one} and ${two}, two names of one thing`
    })
    return this.json[key]
  }

  /** The fields of an object within; `null` where there is none. @throws MedAwareError `config` for anything else. */
  under(key: string): ConfigFields | null {
    const value = this.given([key]) ?? null
    if (value === null) return null
    check(isJsonObject(value), 'config', () => `${this.who}: config.json needs ${key} as an object, got ${show(value)}`)
    return new ConfigFields(value, `${this.who}: ${key}`)
  }

  /** @throws MedAwareError `unsupported` unless `key` is one of `known` or left out. */
  only(key: string, ...known: readonly (string | number | boolean)[]): void {
    const value = this.given([key])
    check(value === undefined || known.some((one) => one === value), 'unsupported', () => {
      const words = known.length === 0 ? 'null' : known.map(show).join(' or ')
      return `${this.who}: config.json has ${key} ${show(value)}; only ${words} is known`
    })
  }

  /** @throws MedAwareError `config` where heads do not share `whole` evenly. */
  divides(whole: number, what: string, parts: number, by: string): void {
    check(whole % parts === 0, 'config', () => `${this.who}: ${what} ${whole} is not a multiple of ${by} ${parts}`)
  }
}

interface Bounds {
  readonly fallback?: number
  readonly most?: number
}

function isTokenId(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= mostOfSize
}
