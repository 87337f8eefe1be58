import { check } from '../../../core/errors.ts'
import { Random } from '../../../core/random.ts'
import type { Shape } from '../../../core/shape.ts'
import { show } from '../../../core/show.ts'
import { dequantize } from '../../../ops/dequantize.ts'
import { Linear } from '../../../nn/linear.ts'
import type { Weight } from '../../../nn/module.ts'
import { Tensor } from '../../../tensor/tensor.ts'
import type { AdaptedLayer } from '../../layers/adapted-layer.ts'
import type { LoraConfig } from '../lora-config.ts'
import type { BaseStart, HostMatrix, StartingFactors, StartPlace } from './base-start.ts'
import { baseStartOf } from './base-starts.ts'
import { DoraOverRest } from './dora-over-rest.ts'
import { isOverRest, type OverRest } from './rest.ts'

/**
 * Starts the layers of an adapter from the base's weights, one after another, where `initLoraWeights` says so.
 * @param seed Of what is random in it; `null` under an adapter that is read: its tensors stay as they are, and only
 * what its start took out of the base is found again.
 * @throws MedAwareError `config` for a rank above a layer's sizes or a scaling below 0, `unsupported` where a start
 * cannot be found again, `numeric` for weights that are not finite.
 */
export async function startFromBase(
  config: LoraConfig,
  name: string,
  layers: ReadonlyMap<string, AdaptedLayer>,
  seed: number | null,
): Promise<void> {
  const start = baseStartOf(config.initLoraWeights)
  if (start === null) return
  check(seed !== null || start.besideWeight === null, 'unsupported', () => {
    const remedy = 'save such an adapter as plain LoRA (adapterFiles with convertToPlainLora)'
    return `initLoraWeights ${show(config.initLoraWeights)} changes the base's weights at random, so that the base of a saved adapter is not known; ${remedy}`
  })
  for (const [index, [path, layer]] of [...layers].entries()) {
    const part = layer.adapter(name)
    const { weight } = layer.baseWeights
    // Beside its linear layers and heads an adapter may have layers that are trained whole.
    if (!isOverRest(part) || weight == null) continue
    const place = { path, base: weight, config }
    const factors = await startOf(start, await hostMatrix(weight), part, Random.of(seed ?? 0, index), place)
    beginOver(layer, part, factors, seed !== null)
  }
}

/** Says what a part of a layer's adapter started as. @param isNew Whether it is to start so now. */
export function beginOver(layer: AdaptedLayer, part: OverRest, factors: StartingFactors, isNew: boolean): void {
  const { weight, bias = null } = layer.baseWeights
  if (weight == null) throw new Error('no weight')
  if (isNew) {
    part.factors['lora_A.weight'].write(factors.a)
    part.factors['lora_B.weight'].write(factors.b)
  }
  const base = new Linear(weight, bias instanceof Tensor ? bias : null)
  part.rest.settle(part.factors, factors, base)
  if (isNew && part instanceof DoraOverRest) part.startMagnitude(part.ground ?? base)
}

function startOf(start: BaseStart, weight: HostMatrix, part: OverRest, random: Random, place: StartPlace) {
  const { path } = place
  checkStart(path, [weight.rows, weight.columns], part)
  return start.factors(weight, part.factors['lora_A.weight'].rows, part.scaling, random, place)
}

/** @param shape Of the base's weight. @throws MedAwareError `config` as `startFromBase`. */
export function checkStart(path: string, [rows = 0, columns = 0]: Shape, part: OverRest): void {
  const { rows: rank } = part.factors['lora_A.weight']
  const most = Math.min(rows, columns)
  check(rank <= most, 'config', () => {
    return `initLoraWeights: ${path} [${rows},${columns}] has ${most} singular values, which r ${rank} exceeds`
  })
  check(part.scaling > 0, 'config', () => {
    return `initLoraWeights: a start from the base needs a loraAlpha above 0, the scaling of ${path} is ${part.scaling}`
  })
}

/** The values that a weight stands for. */
export async function hostMatrix(weight: Weight): Promise<HostMatrix> {
  const [rows = 0, columns = 0] = weight.shape
  if (weight instanceof Tensor) return { rows, columns, values: await weight.read() }
  const full = weight.device.memory.rooted(() => dequantize(weight))
  try {
    return { rows, columns, values: await full.read() }
  } finally {
    full.dispose()
  }
}
