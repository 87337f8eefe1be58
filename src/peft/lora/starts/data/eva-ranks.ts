/** The inputs of some layers, and what their directions explain. */
interface RankedInput {
  readonly paths: readonly string[]
  readonly pca: { readonly explainedVarianceRatio: Float64Array }
}

/**
 * Gives each layer as many directions as it has among those that explain most, of all layers `budget` in all
 * (peft/tuners/lora/eva.py, _get_rank_distribution).
 */
export function sharedOutRanks(inputs: readonly RankedInput[], budget: number): ReadonlyMap<string, number> {
  const first = inputs.map(({ paths: [path = ''], pca }) => ({ path, pca }))
  const others = inputs.flatMap(({ paths: [, ...rest], pca }) => rest.map((path) => ({ path, pca })))
  const all = [...first, ...others]
  const ranks = new Map(all.map(({ path }) => [path, 0]))
  const ratios = all.flatMap(({ path, pca }) => [...pca.explainedVarianceRatio].map((ratio) => ({ path, ratio })))
  for (const { path } of ratios.sort((a, b) => b.ratio - a.ratio).slice(0, budget)) {
    ranks.set(path, (ranks.get(path) ?? 0) + 1)
  }
  // The first layer of an input has the most, for whether its directions are found is asked of it.
  for (const { paths } of inputs) {
    const [lead = '', ...rest] = paths
    for (const path of rest) {
      const [rank, most] = [ranks.get(path) ?? 0, ranks.get(lead) ?? 0]
      if (most < rank) ranks.set(lead, rank).set(path, most)
    }
  }
  return ranks
}
