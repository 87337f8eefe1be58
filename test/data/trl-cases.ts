import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { PrepareOptions } from '../../src/data/prepare-options.ts'
import { tokenizerFromJson } from '../../src/io/tokenizer/tokenizer.ts'

/** What TRL's trainer made of some rows. */
export interface TrlCase {
  readonly name: string
  readonly tokenizer: 'bytes' | 'llama'
  /** SFTConfig's, in snake_case; `chat` is whether the tokenizer has the template. */
  readonly options: Readonly<Record<string, unknown>>
  readonly rows: Record<string, unknown>[]
  readonly made: { readonly ids: number[]; readonly labels: number[]; readonly seqLengths?: number[] }[]
}

const fixtures = join(import.meta.dirname, '../fixtures')
const read = (path: string) => readFileSync(join(fixtures, path), 'utf8')

export const { cases, chatTemplate } = JSON.parse(read('trl-data.json')) as { cases: TrlCase[]; chatTemplate: string }

const open = (folder: string) => {
  return tokenizerFromJson(read(`${folder}/tokenizer.json`), read(`${folder}/tokenizer_config.json`))
}

export const tokenizers = { bytes: open('tokenizer'), llama: open('tokenizer/llama') }

/** A case's options by our names. */
export function optionsOf({ options }: Pick<TrlCase, 'options'>): PrepareOptions {
  const named = Object.entries(options).filter(([name]) => name !== 'chat')
  const chat = options['chat'] === true && { chatTemplate }
  const camel = (name: string) => name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())
  return { ...Object.fromEntries(named.map(([name, value]) => [camel(name), value])), ...chat }
}
