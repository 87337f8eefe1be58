import { check } from '../../core/errors.ts'
import { isJsonObject, type JsonObject } from '../../core/json.ts'
import { listOf, oneOf, orNull, text, that, whole } from '../../core/options.ts'
import type { Random } from '../../core/random.ts'
import { fromArray, type Tensor } from '../../tensor/tensor.ts'
import type { AdapterMethod } from '../adapter-method.ts'
import { configFields, isType } from '../config/config-fields.ts'
import {
  checkPromptConfig,
  checkPromptSizes,
  promptDefaults,
  promptLacking,
  type PromptLearningConfig,
  promptRules,
  promptSizesFor,
  vectorSizes,
} from '../prompts/prompt-config.ts'
import { asVectors, draw, tablePlace } from '../prompts/prompt-place.ts'
import { asPromptable, type Promptable } from '../prompts/promptable.ts'

/** Prompt tuning's config, in PEFT's words (peft/tuners/prompt_tuning/config.py). */
export interface PromptTuningConfig extends PromptLearningConfig {
  readonly peftType: 'PROMPT_TUNING'
  /**
   * What vectors start as: numbers from N(0, 1), embeddings of a text's tokens, or those of tokens that are drawn from
   * the vocabulary. Default 'RANDOM'.
   */
  readonly promptTuningInit: 'RANDOM' | 'TEXT' | 'SAMPLE_VOCAB'
  /** The text of 'TEXT'. Default null. */
  readonly promptTuningInitText: string | null
  /**
   * Its ids, as its tokenizer's `encode` gives them: as many as there are virtual tokens, cut or repeated. Only for a
   * new adapter; files do not have them.
   */
  readonly promptTuningInitTokenIds?: readonly number[]
  /** Of the tokenizer that made them, for PEFT, which asks for it. Default null. */
  readonly tokenizerNameOrPath: string | null
  /** What PEFT opens the tokenizer with. Default null. */
  readonly tokenizerKwargs: JsonObject | null
}

const fields = configFields<PromptTuningConfig>({
  defaults: {
    peftType: 'PROMPT_TUNING',
    promptTuningInit: 'RANDOM',
    promptTuningInitText: null,
    tokenizerNameOrPath: null,
    tokenizerKwargs: null,
    ...promptDefaults,
  },
  rules: {
    promptTuningInit: oneOf(['RANDOM', 'TEXT', 'SAMPLE_VOCAB']),
    promptTuningInitText: orNull(text),
    promptTuningInitTokenIds: listOf(whole({ from: 0 }), 1),
    tokenizerNameOrPath: orNull(text),
    tokenizerKwargs: orNull(that('an object', isJsonObject)),
    ...promptRules,
    peftType: isType('PROMPT_TUNING'),
  },
  lacking: promptLacking,
  maybeNull: [],
  forModel: promptSizesFor(vectorSizes),
  check: (config, who, nameOf) => {
    checkPromptConfig(config, who, nameOf)
    const isText = config.promptTuningInit === 'TEXT'
    for (const field of ['promptTuningInitText', 'tokenizerNameOrPath'] as const) {
      check(!isText || config[field] !== null, 'config', () => {
        return `${who}: ${nameOf('promptTuningInit')} "TEXT" needs ${nameOf(field)}, as PEFT does`
      })
    }
    for (const field of ['promptTuningInitTokenIds', 'tokenizerKwargs'] as const) {
      check(isText || (config[field] ?? null) === null, 'config', () => {
        return `${who}: ${nameOf(field)} is for ${nameOf('promptTuningInit')} "TEXT"`
      })
    }
  },
})

/** Prompt tuning: trained vectors before those of a text's tokens (arXiv 2104.08691; peft/tuners/prompt_tuning). */
export const promptTuning: AdapterMethod<PromptTuningConfig> = {
  peftType: 'PROMPT_TUNING',
  name: 'Prompt tuning',
  card: { about: 'A soft prompt, trained vectors that stand before a text,', tags: [] },
  fields,
  describe: ({ numVirtualTokens, promptTuningInit }) =>
    `${numVirtualTokens} virtual tokens, begun as ${startWords[promptTuningInit]}`,
  places: (given, config, { who }) => {
    const model = asPromptable(who, given)
    const sizes = vectorSizes(model)
    checkPromptSizes(who, config, sizes)
    return [
      tablePlace(model, {
        shape: [config.numVirtualTokens, sizes.tokenDim],
        start: (table, random) => start(who, model, table, { config, random }),
        form: asVectors,
      }),
    ]
  },
  savedConfig: ({ promptTuningInitTokenIds: _, ...config }) => config,
}

const startWords = { RANDOM: 'random numbers', TEXT: 'a text', SAMPLE_VOCAB: 'tokens of the vocabulary' } as const

/** Fills the table as PEFT does (peft/tuners/prompt_tuning/model.py). @throws MedAwareError `config`. */
function start(
  who: string,
  model: Promptable,
  table: Tensor,
  { config, random }: { readonly config: PromptTuningConfig; readonly random: Random },
): void {
  const { promptTuningInit, promptTuningInitTokenIds: given } = config
  const { vocabSize } = model.config
  if (promptTuningInit === 'RANDOM') draw(table, () => random.normal())
  else if (promptTuningInit === 'SAMPLE_VOCAB') copyRows(model, table, () => random.below(vocabSize))
  else {
    check(given !== undefined, 'config', () => {
      return `${who}: promptTuningInit "TEXT" needs promptTuningInitTokenIds: tokenizer.encode(promptTuningInitText)`
    })
    const beyond = given.find((id) => id >= vocabSize)
    check(beyond === undefined, 'config', () => {
      return `${who}: promptTuningInitTokenIds has ${beyond}, beyond the vocabulary of ${vocabSize}`
    })
    copyRows(model, table, (i) => given[i % given.length] ?? 0)
  }
}

/** Fills a table with embeddings of tokens. */
function copyRows(model: Promptable, table: Tensor, idOf: (i: number) => number): void {
  const { device, rows } = table
  device.memory.scoped(() => {
    const ids = fromArray(
      device,
      Int32Array.from({ length: rows }, (_, i) => idOf(i)),
      [rows],
      'prompt ids',
    )
    device.copy(model.getInputEmbeddings().forward(ids), table)
  })
}
