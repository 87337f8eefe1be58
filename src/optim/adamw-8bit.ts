import { type OptionRules, readOptions, whole } from '../core/options.ts'
import type { Device } from '../device/device.ts'
import { momentMaps } from '../quant/dynamic-map.ts'
import { fromArray, Tensor, zeros } from '../tensor/tensor.ts'
import { adamwNumbers, adamwRow, type AdamWSettings, type Moments, stepAdamW } from './adamw.ts'
import { contextRules } from './optimizer-options.ts'
import type { OptimizerRow } from './optimizer-row.ts'
import type { OptimizerContext } from './optimizer.ts'
import { PackedOptimizer, type PackedStep } from './packed-optimizer.ts'
import { type ParameterRun } from './parameter-runs.ts'

/** Settings of AdamW with moments in 8 bits, as of bitsandbytes' AdamW8bit. */
export interface AdamW8bitSettings extends AdamWSettings {
  /** Elements of the least parameter whose moments are kept in 8 bits; smaller ones have them in f32. Default 4096. */
  readonly min8bitSize?: number
}

/** How parameters are trained: as `AdamW8bitSettings`, and what some of them have of their own. Default none. */
export type AdamW8bitOptions = AdamW8bitSettings & Partial<OptimizerContext>

/** Moments in f32, or as codes with two scales for each block. */
type MomentState = Moments & { readonly scales?: Tensor }

/** Elements that share a scale. */
const blockSize = 256

const defaults: Required<AdamW8bitSettings> = { ...adamwRow.defaults, min8bitSize: 4096 }
const settings: OptionRules<AdamW8bitSettings> = { ...adamwRow.settings, min8bitSize: whole({ from: 0 }) }
const rules: OptionRules<AdamW8bitOptions> = { ...settings, ...contextRules }

/**
 * AdamW whose moments take a byte each (arXiv 2110.02861), as bitsandbytes' AdamW8bit on a CPU: in blocks of 256
 * elements of a parameter, codes of the signed dynamic map for `m` and of the unsigned one for `v`, u8 of its shape,
 * and `scales`, f32 [blocks, 2], the largest magnitude of each. Parameters below `min8bitSize` keep `m` and `v` in f32.
 */
export class AdamW8bit extends PackedOptimizer<MomentState> {
  readonly name = 'adamw_8bit'
  readonly hyperparameters: Required<AdamW8bitSettings>
  readonly #maps: Tensor

  /**
   * @param parameters f32, each once, all on one device.
   * @throws MedAwareError `config` for no parameters, others than that, and senseless options; `device` where one was
   * disposed of; `memory`, and nothing stays allocated then.
   */
  constructor(parameters: Iterable<Tensor>, options: AdamW8bitOptions = {}) {
    const { noDecay, rates, ...given } = readOptions('AdamW8bit', options, rules, adamwRow.settingAliases)
    const read = { ...defaults, ...given }
    const { weightDecay, min8bitSize } = read
    const isLarge = ({ count }: Tensor) => count >= min8bitSize
    super('AdamW8bit', parameters, {
      ...{ weightDecay, noDecay, rates },
      state: (f32Zeros, { members: [first], whole: { device, count } }): MomentState => {
        if (!isLarge(first)) return { m: f32Zeros('m'), v: f32Zeros('v') }
        const scales = zeros(device, [Math.ceil(count / blockSize), 2], 'AdamW8bit scales')
        return { m: codes(device, count, 'AdamW8bit m'), v: codes(device, count, 'AdamW8bit v'), scales }
      },
      // Blocks begin with a parameter: those side by side go on in step only behind a whole block.
      areAlike: (a, b) => isLarge(a) === isLarge(b) && (!isLarge(a) || a.count % blockSize === 0),
    })
    this.hyperparameters = Object.freeze(read)
    const [{ device }] = this.parameters as readonly [Tensor, ...Tensor[]]
    try {
      this.#maps = device.memory.rooted(() => fromArray(device, momentMaps(), [2, 256], 'AdamW8bit maps'))
    } catch (error) {
      super.dispose()
      throw error
    }
  }

  override dispose(): void {
    super.dispose()
    this.#maps.dispose()
  }

  protected override update(step: PackedStep<MomentState>): void {
    const { param, grad, clip, state } = step
    const { m, v, scales } = state
    if (scales === undefined) {
      stepAdamW({ ...step, state: { m, v } }, this.hyperparameters)
      return
    }
    const numbers = adamwNumbers(step, this.hyperparameters)
    param.device.run('adamw8bit', { grad, clip, maps: this.#maps, param, m, v, scales }, numbers)
  }

  protected override stateOf(vector: Tensor, run: ParameterRun, parameter: Tensor): Tensor {
    const isCodes = vector.dtype === 'u8'
    if (!isCodes && vector.count === run.whole.count) return super.stateOf(vector, run, parameter)
    const begin = (parameter.byteOffset - run.whole.byteOffset) / 4
    const { device, buffer, byteOffset } = vector
    if (isCodes) return new Tensor(device, parameter.shape, 'u8', buffer, byteOffset + begin)
    const blocks = Math.ceil(parameter.count / blockSize)
    return new Tensor(device, [blocks, 2], 'f32', buffer, byteOffset + (8 * begin) / blockSize)
  }
}

/** Zeros in bytes. */
function codes(device: Device, count: number, label: string): Tensor {
  const { buffer, byteOffset } = zeros(device, [Math.ceil(count / 4)], label)
  return new Tensor(device, [count], 'u8', buffer, byteOffset)
}

/** Its row in the table of optimizers. */
export const adamw8bitRow: OptimizerRow<AdamW8bitSettings> = {
  aliases: ['adamw8bit', 'adamw_bnb_8bit', 'paged_adamw_8bit'],
  settings,
  ...(adamwRow.settingAliases !== undefined && { settingAliases: adamwRow.settingAliases }),
  defaults,
  create: (parameters, options) => new AdamW8bit(parameters, options),
}
