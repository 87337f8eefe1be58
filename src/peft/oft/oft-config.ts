import { check } from '../../core/errors.ts'
import type { JsonObject } from '../../core/json.ts'
import { flag, number, oneOf, type Rule, that, whole } from '../../core/options.ts'
import { show } from '../../core/show.ts'
import {
  type AdapterConfig,
  commonDefaults,
  commonRules,
  configFields,
  configFile,
  isType,
  targetRules,
} from '../config/config-fields.ts'
import { lackingAnywhere, lackingTransposed } from '../config/features.ts'
import { checkLayers, layerRules } from '../config/layer-fields.ts'
import type { TargetNames } from '../targets/target-matching.ts'

/** How OFT adapts a model, in PEFT's words (peft/tuners/oft/config.py). */
export interface OftConfig extends AdapterConfig, TargetNames {
  readonly peftType: 'OFT'
  /** Blocks that the inputs of a projection fall into; 0 where oftBlockSize says it. Default 0. */
  readonly r: number
  /** Inputs of a block; 0 where r says it. A projection takes the nearest divisor of its inputs. Default 32. */
  readonly oftBlockSize: number
  /** PEFT 0.21.2 never applies it; kept for saving. Default 0. */
  readonly moduleDropout: number
  /** Which biases to train: none, those of adapted projections, or all of the model. Default 'none'. */
  readonly bias: 'none' | 'all' | 'oft_only'
  /** Whether the rotations start at none; false draws their tensors from N(0, 0.1²). Default true. */
  readonly initWeights: boolean
  /** Whether a forward pass shrinks what is trained to a norm of at most eps / √blocks, a block. Default false. */
  readonly coft: boolean
  /** How far coft lets a rotation go. Default 6e-5. */
  readonly eps: number
  /** Whether all blocks of a projection share one rotation. Default false. */
  readonly blockShare: boolean
  /**
   * Whether a series stands for the inverse in Cayley's transform, so that rotations are nearly orthogonal. Default
   * true.
   */
  readonly useCayleyNeumann: boolean
  /** Terms of that series. Default 5. */
  readonly numCayleyNeumannTerms: number
  /** Whether weights are stored [in, out]; only false. */
  readonly fanInFanOut: false
}

const noDropout: Rule<number> = {
  expects: '0',
  read: (value, at) => {
    check(typeof value !== 'number' || value === 0, 'unsupported', () => {
      return `${at} ${show(value)} would do nothing: PEFT 0.21.2 makes this dropout and never applies it; leave it out`
    })
    return value === 0 ? value : undefined
  },
}

const rules = {
  r: whole({ from: 0 }),
  oftBlockSize: whole({ from: 0 }),
  moduleDropout: noDropout,
  bias: oneOf(['none', 'all', 'oft_only']),
  initWeights: flag,
  coft: flag,
  eps: number({ from: 0 }),
  blockShare: flag,
  useCayleyNeumann: flag,
  numCayleyNeumannTerms: whole({ from: 1 }),
  fanInFanOut: that('false', (value): value is false => value === false),
  ...targetRules,
  ...layerRules,
  ...commonRules,
  peftType: isType('OFT'),
}

/** OFT's config in options and files. */
export const oftFields = configFields<OftConfig>({
  defaults: {
    peftType: 'OFT',
    r: 0,
    oftBlockSize: 32,
    moduleDropout: 0,
    bias: 'none',
    initWeights: true,
    coft: false,
    eps: 6e-5,
    blockShare: false,
    useCayleyNeumann: true,
    numCayleyNeumannTerms: 5,
    fanInFanOut: false,
    targetModules: ['query_key_value'],
    excludeModules: null,
    layersToTransform: null,
    layersPattern: null,
    ...commonDefaults,
  },
  rules,
  savedRules: { ...rules, moduleDropout: number({ from: 0, to: 1 }) },
  lacking: { ...lackingAnywhere, ...lackingTransposed },
  maybeNull: ['targetModules', 'fanInFanOut'],
  floats: ['eps', 'module_dropout'],
  forModel: ({ loraTargets }) => (loraTargets === undefined ? {} : { targetModules: loraTargets }),
  checkFile,
  check: (config, who, nameOf) => {
    checkLayers(config, who, nameOf)
    const { r, oftBlockSize } = config
    check((r === 0) !== (oftBlockSize === 0), 'config', () => {
      const given = `${nameOf('r')} ${r} and ${nameOf('oftBlockSize')} ${oftBlockSize}`
      return `${who}: ${given}: one of them must be 0, for the other says it`
    })
  },
})

/** Sees that a file is of a PEFT whose OFT is today's, as PEFT does (tuners/oft/config.py, check_kwargs). */
function checkFile(content: JsonObject): void {
  const remedy = 'merge it into its base with the PEFT that trained it, and load that folder as a model'
  check(content['oft_block_size'] !== undefined, 'unsupported', () => {
    return `${configFile}: there is no oft_block_size, so this is an OFT of PEFT before 0.14, which is another one; ${remedy}`
  })
  const version = content['peft_version']
  const isOld = /^0\.(\d|1[0-7])\b/.test(typeof version === 'string' ? version : '0.0')
  check(content['use_cayley_neumann'] !== true || !isOld, 'unsupported', () => {
    return `${configFile}: use_cayley_neumann of PEFT before 0.18 is another series, so the adapter would compute otherwise; ${remedy}`
  })
}
