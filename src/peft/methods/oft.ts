import { check } from '../../core/errors.ts'
import { show } from '../../core/show.ts'
import { type AdapterMethod, linearPlace } from '../adapter-method.ts'
import { draw } from '../draws.ts'
import { type OftConfig, oftFields } from '../oft/oft-config.ts'
import { OftLinear } from '../oft/oft-linear.ts'
import { modelBiases } from '../targets/model-biases.ts'
import { NamePatterns } from '../targets/module-names.ts'
import { findTargets, spellOutTargets } from '../targets/target-matching.ts'

/** OFT: orthogonal fine-tuning, rotations of a projection's inputs (arXiv 2306.07280, 2506.19847; peft/tuners/oft). */
export const oft: AdapterMethod<OftConfig> = {
  peftType: 'OFT',
  name: 'OFT',
  card: { about: 'An orthogonal adapter (OFT), which rotates the inputs of projections,', tags: [] },
  fields: oftFields,
  describe: ({ r, oftBlockSize, bias, targetModules }) =>
    [
      r === 0 ? `blocks of ${oftBlockSize}` : `r=${r}`,
      ...(bias === 'none' ? [] : [`bias ${bias}`]),
      `on ${[targetModules].flat().join(', ')}`,
    ].join(' '),
  places: (model, config, { who, isPartialOk, onWarning }) => {
    const targets = findTargets(model, config, { patterns: new NamePatterns(who), isPartialOk })
    const given = config.r === 0 ? `oftBlockSize ${config.oftBlockSize}` : `r ${config.r}`
    for (const inputs of new Set(targets.map(({ layer }) => layer.inFeatures))) {
      const size = blockSizeOf(inputs, config)
      const taken = config.r === 0 ? size : inputs / size
      if (taken === (config.r || config.oftBlockSize)) continue
      onWarning?.(
        `${who}: ${given} does not divide ${inputs} inputs, which fall into ${inputs / size} blocks of ${size}`,
      )
    }
    return targets.map(({ path, layer }) => {
      const size = blockSizeOf(layer.inFeatures, config)
      check(size > 1, 'config', () => {
        return `${who}: ${given} leaves the ${layer.inFeatures} inputs of ${show(path)} in blocks of 1, which cannot be rotated; choose larger blocks`
      })
      const rows = config.blockShare ? 1 : layer.inFeatures / size
      return linearPlace({
        ...{ path, layer },
        shapes: { 'oft_R.weight': [rows, (size * (size - 1)) / 2] },
        start: ({ 'oft_R.weight': weight }, random) => {
          if (!config.initWeights) draw(weight, () => random.normal() / 10)
        },
        adapter: (factors) => new OftLinear(factors, size, config),
      })
    })
  },
  spelt: spellOutTargets,
  trained: (model, { bias }, places) => modelBiases(model, bias === 'oft_only' ? 'adapted' : bias, places),
}

/** The size of blocks of so many inputs (tuners/oft/layer.py, update_layer). */
function blockSizeOf(inputs: number, { r, oftBlockSize }: OftConfig): number {
  return r === 0 ? divisorNear(inputs, oftBlockSize) : inputs / divisorNear(inputs, r)
}

/**
 * The divisor that is nearest, the lower of two; the number itself where `wanted` is not below it
 * (adjust_oft_parameters).
 */
export function divisorNear(number: number, wanted: number): number {
  if (wanted >= number) return number
  let [lower, higher] = [wanted, wanted]
  while (number % lower !== 0) lower--
  while (number % higher !== 0) higher++
  return wanted - lower <= higher - wanted ? lower : higher
}
