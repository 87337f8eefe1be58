import { flag, listOf, that, whole } from '../../core/options.ts'
import { Embedding } from '../../nn/embedding.ts'
import { LanguageHead, TiedHead } from '../../nn/language-head.ts'
import type { AdapterMethod } from '../adapter-method.ts'
import {
  type AdapterConfig,
  commonDefaults,
  commonRules,
  configFields,
  isType,
  targetRules,
} from '../config/config-fields.ts'
import { lackingAnywhere } from '../config/features.ts'
import { bareModules } from '../layers/adapted-layer.ts'
import { tokenPlace } from '../layers/trainable-tokens.ts'
import { NamePatterns } from '../targets/module-names.ts'
import { findLayers, type LayerKinds, type TargetNames } from '../targets/target-matching.ts'
import { tiedPair } from '../targets/tied-pair.ts'
import { checkTokens, inputEmbeddingsPath, type Table } from '../targets/trained-tokens.ts'

/** Which tokens are trained, in PEFT's words (peft/tuners/trainable_tokens/config.py). */
export interface TrainableTokensConfig extends AdapterConfig, Pick<TargetNames, 'targetModules'> {
  readonly peftType: 'TRAINABLE_TOKENS'
  /** Tokens whose vectors are trained; some, each once. */
  readonly tokenIndices: readonly number[]
  /**
   * Which tables: names that a path equals or ends with, or one regular expression. Default: the model's embeddings.
   */
  readonly targetModules: readonly string[] | string
  /** Whether vectors start as they are in the table; else they are drawn from N(0, 1). Default true. */
  readonly initWeights: boolean
}

const fields = configFields<TrainableTokensConfig>({
  defaults: {
    peftType: 'TRAINABLE_TOKENS',
    tokenIndices: [],
    targetModules: 'embed_tokens',
    initWeights: true,
    ...commonDefaults,
  },
  rules: {
    tokenIndices: listOf(whole({ from: 0 })),
    targetModules: targetRules.targetModules,
    initWeights: flag,
    ...commonRules,
    modulesToSave: that('null', (value) => value === null),
    peftType: isType('TRAINABLE_TOKENS'),
  },
  lacking: lackingAnywhere,
  absent: ['modulesToSave'],
  forModel: (model) => ({ targetModules: inputEmbeddingsPath(model) ?? 'embed_tokens' }),
})

const tables: LayerKinds<Table> = {
  words: 'tables of tokens: embeddings and heads',
  of: (module) =>
    module instanceof Embedding || module instanceof LanguageHead || module instanceof TiedHead ? module : null,
}

const name = 'trainable_tokens_delta'

/**
 * Vectors of single tokens are trained, and all else is frozen (peft/tuners/trainable_tokens): for new words. A head
 * that is tied to the embeddings shares their vectors, and a file has them for both.
 */
export const trainableTokens: AdapterMethod<TrainableTokensConfig> = {
  peftType: 'TRAINABLE_TOKENS',
  name: 'Trainable tokens',
  card: { about: 'Vectors of single tokens, trained anew,', tags: [] },
  fields,
  describe: ({ tokenIndices, targetModules }) =>
    `tokens ${tokenIndices.join(', ')} of ${[targetModules].flat().join(', ')}`,
  places: (model, config, { who, isPartialOk }) => {
    const { tokenIndices: tokens, initWeights: startsAsTable } = config
    const tied = tiedPair([...bareModules(model)])
    const targets = findLayers(model, { ...config, excludeModules: null }, tables, {
      patterns: new NamePatterns(who),
      isPartialOk,
    })
    const isShared = targets.some(({ path }) => path === tied?.embeddings)
    return targets.flatMap(({ path, layer }) => {
      checkTokens(who, { field: 'tokenIndices', path, tokens, vocab: layer.table.rows })
      if (isShared && path === tied?.head) return []
      const place = { path, table: layer.table, tokens, name, startsAsTable }
      if (!(layer instanceof Embedding)) return [tokenPlace(place, 'head')]
      const isTied = path === tied?.embeddings
      return [tokenPlace(place, { tiesHead: isTied, ...(isTied && { savedHead: tied.head }) })]
    })
  },
}
