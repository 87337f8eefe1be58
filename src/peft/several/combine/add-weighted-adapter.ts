import { check } from '../../../core/errors.ts'
import {
  listOf,
  number,
  oneOf,
  type OptionRules,
  readArgument,
  readOptions,
  text,
  whole,
} from '../../../core/options.ts'
import { Random } from '../../../core/random.ts'
import { show, showNames } from '../../../core/show.ts'
import { adaptableRule, type Adaptable } from '../../adaptable.ts'
import { nameRule, planAdapter } from '../../adapter-plan.ts'
import type { Adapter } from '../../adapter.ts'
import { attach } from '../../attach.ts'
import { EmbeddingAdapter } from '../../layers/adapted-embedding.ts'
import type { Factors, LayerAdapter } from '../../layers/adapted-layer.ts'
import type { LoraConfig } from '../../lora/lora-config.ts'
import { lora } from '../../lora/lora.ts'
import { isOverRest } from '../../lora/starts/rest.ts'
import { isConfigOf } from '../../methods.ts'
import { adapterOf } from '../several-adapters.ts'
import { type CombinationPlan, combinations, type CombinationType, combined, type Weighted } from './combinations.ts'
import { type LowRank, stacked } from './low-rank.ts'
import { summedAdapter } from './summed-adapter.ts'
import type { TaskArithmetic } from './task-vectors.ts'

/** How adapters become one. */
export interface WeightedAdapterOptions {
  /** What the new adapter is called. */
  readonly adapterName: string
  /**
   * 'svd': the best approximation, by `svdRank`, of the weighted sum of the updates. 'cat': that sum itself; the ranks
   * add up. 'linear': weighted sums of A and of B, whose product is not the sum of the updates; for adapters that were
   * trained from one another. 'ties' (arXiv 2306.01708), 'dare_linear', 'dare_ties' (arXiv 2311.03099) and
   * 'magnitude_prune': of A and of B what they keep; with '_svd', of the updates in full, decomposed again, which takes
   * seconds for each large layer. One adapter alone is 'linear'. Default 'svd'.
   */
  readonly combinationType?: CombinationType
  /** The share of elements that ties, dare and magnitude_prune keep, above 0 and at most 1. They need it. */
  readonly density?: number
  /** Whether ties elect the sign of the sum or of most. Default 'total'. */
  readonly majoritySignMethod?: TaskArithmetic['majoritySignMethod']
  /** The rank that a decomposition is cut to. Default: the largest of the adapters'. */
  readonly svdRank?: number
  /** A quantile in [0, 1] of a decomposition's elements beyond which they are cut. Default none. */
  readonly svdClamp?: number
  /** Of what dare keeps by chance. Default 0. */
  readonly seed?: number
}

const rules: OptionRules<WeightedAdapterOptions> = {
  adapterName: nameRule,
  combinationType: oneOf(Object.keys(combinations).filter(isCombination)),
  density: number({ above: 0, to: 1 }),
  majoritySignMethod: oneOf(['total', 'frequency']),
  svdRank: whole({ from: 1 }),
  svdClamp: number({ from: 0, to: 1 }),
  seed: whole(),
}

/**
 * Makes a new adapter of some LoRA adapters on a model, each with a weight, which may be below 0: PEFT's
 * add_weighted_adapter (tuners/lora/model.py). It is not active, and frozen, until `setAdapter` and `setRequiresGrad`
 * say otherwise. Factors are combined on the host; the adapters themselves stay as they are. One that started from the
 * base's weights counts as what it adds to the base. With useRslora PEFT scales the result by √r too much; this does
 * not. Of IA3 adapters the scales are summed, without options (tuners/ia3/model.py).
 * @param names Of adapters of the model, LoRA all or IA3 all. @param weights One for each.
 * @throws MedAwareError `not-found` for a name that no adapter has; `config` where weights are not one a name, ranks
 * differ that must be equal, a density is missing, the new name is taken, and for bad options; `unsupported` for other
 * methods, for DoRA, biases, and modules or tokens that are trained beside the adapter; `memory`, `device`.
 */
export async function addWeightedAdapter(
  model: Adaptable,
  names: readonly string[],
  weights: readonly number[],
  options: WeightedAdapterOptions,
): Promise<Adapter> {
  const who = 'addWeightedAdapter'
  readArgument(who, 'model', model, adaptableRule)
  const given = readOptions(who, options, rules)
  const name = readArgument(who, 'adapterName', given.adapterName, nameRule)
  const all = readArgument(who, 'names', names, listOf(text, 1)).map((each) => adapterOf(who, model, each))
  const factors = readArgument(who, 'weights', weights, listOf(number()))
  check(factors.length === all.length, 'config', () => {
    return `${who}: ${factors.length} weights for ${all.length} adapters; there must be one each`
  })
  for (const adapter of all) adapter.checkUnmerged(who)
  if (!all.some(isLora)) {
    const { adapterName: _, ...ofLora } = given
    const [option] = Object.keys(ofLora)
    check(option === undefined, 'config', () => `${who}: ${option} is for LoRA adapters; leave it out`)
    const summands = all.map((adapter, i) => ({ adapter, weight: factors[i] ?? 0 }))
    return summedAdapter(who, model, summands, name)
  }
  const adapters = all.map((adapter) => loraOf(who, adapter))
  const ensureWeightTying = tiesHeads(who, adapters)
  const { plan, config } = planOf(who, adapters, given)
  const planned = planAdapter(lora, model, { ...config, ensureWeightTying }, { who, name, isPartialOk: true })
  const adapter = attach(planned, null)
  try {
    adapter.setRequiresGrad(false)
    for (const [index, [path, layer]] of [...adapter.layers].entries()) {
      const parts: Weighted[] = []
      for (const [i, each] of adapters.entries()) {
        const part = layer.adapters.get(each.name)
        if (part !== undefined) parts.push({ ...(await updateOf(who, path, part)), weight: factors[i] ?? 0 })
      }
      checkRanks(who, path, parts, plan)
      const { a, b } = combined(parts, plan, Random.of(given.seed ?? 0, index))
      const [intoA, intoB] = factorsOf(layer.adapter(name).factors)
      intoA?.write(a)
      intoB?.write(b)
    }
  } catch (error) {
    adapter.detach()
    throw error
  }
  return adapter
}

function isCombination(word: string): word is CombinationType {
  return Object.hasOwn(combinations, word)
}

/** A LoRA adapter that is no more than A and B. */
function loraOf(who: string, adapter: Adapter): Adapter<LoraConfig> {
  const { name } = adapter
  check(isLora(adapter), 'unsupported', () => {
    return `${who}: the adapter ${show(name)} is ${adapter.method.name}, others are LoRA; only those of one method become one`
  })
  const { useDora, loraBias, bias, initLoraWeights } = adapter.config
  const over = initLoraWeights === 'loftq' ? 'a base that it quantised for itself' : ''
  const more = [over, useDora ? 'useDora' : '', loraBias ? 'loraBias' : '', bias === 'none' ? '' : `bias ${show(bias)}`]
  const trained = adapter.namedTrainableParameters().size
  const own = [...adapter.layers.values()].reduce(
    (sum, layer) => sum + factorsOf(layer.adapter(name).factors).length,
    0,
  )
  const found = [...more, trained === own ? '' : 'more than its A and B'].find((word) => word !== '')
  check(found === undefined, 'unsupported', () => {
    return `${who}: the adapter ${show(name)} has ${found}; only adapters of A and B alone are combined`
  })
  return adapter
}

function isLora(adapter: Adapter): adapter is Adapter<LoraConfig> {
  return isConfigOf('LORA', adapter.config)
}

/**
 * Whether the embeddings' updates are a tied head's too.
 * @throws MedAwareError `config` where some are and some not.
 */
function tiesHeads(who: string, adapters: readonly Adapter<LoraConfig>[]): boolean {
  const tables = adapters.flatMap(({ name, layers }) =>
    [...layers.values()].flatMap((layer) => {
      const part = layer.adapter(name)
      return part instanceof EmbeddingAdapter ? [{ name, isTied: part.tiesHead }] : []
    }),
  )
  const [tied, loose] = [tables.find(({ isTied }) => isTied), tables.find(({ isTied }) => !isTied)]
  check(tied === undefined || loose === undefined, 'config', () => {
    return `${who}: the head follows the embeddings of ${show(tied?.name)} and not those of ${show(loose?.name)}; ensureWeightTying must be the same of both`
  })
  return tied !== undefined
}

/** A and B of a layer. */
function factorsOf(factors: Factors) {
  return ['A', 'B'].flatMap((side) => factors[`lora_${side}.weight`] ?? factors[`lora_embedding_${side}`] ?? [])
}

/** What a part adds to its layer, and by which scaling. */
async function updateOf(who: string, path: string, part: LayerAdapter) {
  const scaling = 'scaling' in part ? part.scaling : undefined
  const update = await lowRankOfFactors(part.factors)
  check(typeof scaling === 'number' && update !== null, 'unsupported', () => `${who}: ${path} has no A and B`)
  const startedAs = isOverRest(part) ? part.rest.startedAs : null
  const start = startedAs === null ? null : await lowRankOfFactors(startedAs)
  return { update: start === null ? update : stacked([update, start], [1, -1]), scaling }
}

async function lowRankOfFactors(factors: Factors): Promise<LowRank | null> {
  const [a, b] = factorsOf(factors)
  if (a === undefined || b === undefined) return null
  return { rank: a.rows, rows: b.rows, columns: a.columns, a: await a.read(), b: await b.read() }
}

/** What is to be done, and the config of what is made. */
function planOf(
  who: string,
  adapters: readonly Adapter<LoraConfig>[],
  options: WeightedAdapterOptions,
): { readonly plan: CombinationPlan; readonly config: LoraConfig } {
  const { density, majoritySignMethod = 'total', svdRank, svdClamp = null } = options
  const combinationType = adapters.length === 1 ? 'linear' : (options.combinationType ?? 'svd')
  const { combine, isDecomposed } = combinations[combinationType]
  const needsDensity = combine !== 'linear' && combine !== 'cat'
  check(!needsDensity || density !== undefined, 'config', () => {
    return `${who}: combinationType ${show(combinationType)} needs a density, the share of elements that is kept`
  })
  const ranks = adapters.map(rankOf)
  const most = Math.max(...ranks)
  const rank = combine === 'cat' ? ranks.reduce((sum, each) => sum + each, 0) : isDecomposed ? (svdRank ?? most) : most
  const plan = { combine, isDecomposed, density: density ?? 1, majoritySignMethod, rank, clamp: svdClamp }
  return { plan, config: configOf(adapters, rank) }
}

/** The largest rank of an adapter's layers, with what its start took out. */
function rankOf({ layers, name }: Adapter<LoraConfig>): number {
  const ranks = [...layers.values()].map((layer) => {
    const part = layer.adapter(name)
    const [a] = factorsOf(part.factors)
    return (a?.rows ?? 0) * (isOverRest(part) && part.rest.startedAs !== null ? 2 : 1)
  })
  return Math.max(...ranks)
}

/** The first adapter's config with the layers of all, at one rank and a scaling of 1. */
function configOf(adapters: readonly Adapter<LoraConfig>[], rank: number): LoraConfig {
  const [first] = adapters
  if (first === undefined) throw new Error('no adapter')
  const isOnSame = adapters.every(({ layers }) => {
    return layers.size === first.layers.size && [...layers.keys()].every((path) => first.layers.has(path))
  })
  const paths = [...new Set(adapters.flatMap(({ layers }) => [...layers.keys()]))]
  const everywhere = { targetModules: paths, excludeModules: null, layersToTransform: null, layersPattern: null }
  return {
    ...first.config,
    ...(isOnSame ? {} : everywhere),
    ...{ r: rank, loraAlpha: rank, rankPattern: {}, alphaPattern: {}, useRslora: false, initLoraWeights: true },
  }
}

/** Factors are combined element by element where they are not decomposed: all must have as many. */
function checkRanks(
  who: string,
  path: string,
  parts: readonly Weighted[],
  { combine, isDecomposed }: CombinationPlan,
): void {
  const ranks = [...new Set(parts.map(({ update }) => update.rank))]
  check(isDecomposed || combine === 'cat' || ranks.length === 1, 'config', () => {
    const remedy = "choose 'svd', 'cat' or a combinationType that ends in '_svd'"
    return `${who}: the adapters have ranks ${showNames(ranks.map(String))} at ${path}; ${remedy}`
  })
}
