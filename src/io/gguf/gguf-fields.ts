import { check } from '../../core/errors.ts'
import { show } from '../../core/show.ts'
import type { GgufMetadata, GgufValue } from '../../gguf/metadata.ts'

/** Reads a GGUF file's metadata by key; what is there and is of another kind is refused. */
export class GgufFields {
  /** @param who Begins messages: whose file it is. */
  constructor(
    readonly metadata: GgufMetadata,
    readonly who: string,
  ) {}

  /** None that is infinite or not a number: in a config.json they would stand for what is left out. */
  number(key: string): number | undefined {
    return this.#read(key, 'a number', (value): value is number => Number.isFinite(value))
  }

  flag(key: string): boolean | undefined {
    return this.#read(key, 'true or false', (value) => typeof value === 'boolean')
  }

  text(key: string): string | undefined {
    return this.#read(key, 'a text', (value) => typeof value === 'string')
  }

  texts(key: string): readonly string[] | undefined {
    return this.#read(key, 'a list of texts', (value): value is readonly string[] => {
      return Array.isArray(value) && value.every((each) => typeof each === 'string')
    })
  }

  numbers(key: string): readonly number[] | undefined {
    return this.#read(key, 'a list of numbers', (value): value is readonly number[] => {
      return Array.isArray(value) && value.every((each) => typeof each === 'number')
    })
  }

  /** @throws MedAwareError `format` where it is not there. */
  needed<T>(key: string, value: T | undefined): T {
    check(value !== undefined, 'format', () => `${this.who}: the metadata has no ${key}`)
    return value
  }

  #read<T extends GgufValue>(key: string, expects: string, is: (value: GgufValue) => value is T): T | undefined {
    const value = this.metadata.get(key)
    check(value === undefined || is(value), 'format', () => {
      return `${this.who}: metadata ${key} must be ${expects}, got ${show(value)}`
    })
    return value
  }
}
