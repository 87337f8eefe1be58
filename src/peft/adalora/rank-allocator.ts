import type { Device } from '../../device/device.ts'
import { gather, type ParameterRun, parameterRuns, windowOf } from '../../optim/parameter-runs.ts'
import type { StateTensor } from '../../optim/optimizer.ts'
import { add } from '../../ops/add.ts'
import { reshape } from '../../ops/array/reshape.ts'
import { mean } from '../../ops/array/sum.ts'
import { mul } from '../../ops/mul.ts'
import { packedZeros } from '../../tensor/packed.ts'
import { empty, type Tensor, zeros } from '../../tensor/tensor.ts'
import type { TrainedStep } from '../adapter-training.ts'
import { budgetAt, type BudgetSchedule, keptOf } from './budget.ts'
import type { SvdLinear } from './svd-linear.ts'

/** How ranks are allotted, in PEFT's words. */
export interface AllocatorSettings extends BudgetSchedule {
  /** The mean rank that is left. */
  readonly targetR: number
  /** Of the smoothed importance. */
  readonly beta1: number
  /** Of its uncertainty. */
  readonly beta2: number
}

interface ObservedRun extends ParameterRun {
  readonly average: Tensor
  readonly uncertainty: Tensor
}

/** A place and its mask. */
interface Allotted {
  readonly layer: SvdLinear
  /** f32 [r, 1], 0 for the triplets that are masked. */
  readonly mask: Tensor
}

/**
 * Lowers the ranks of an adapter while it is trained: after each step it smooths how much the loss depends on each
 * parameter, and now and then sets the singular values of the least important triplets of all places to 0 (AdaLoRA,
 * arXiv 2303.10512, algorithm 1; peft/tuners/adalora/layer.py, RankAllocator).
 */
export class RankAllocator {
  readonly #settings: AllocatorSettings
  readonly #runs: readonly ObservedRun[]
  readonly #allotted: readonly Allotted[]
  readonly #device: Device
  /** Triplets at first. */
  readonly #first: number
  /** Triplets that are left in the end. */
  readonly #last: number
  /** What another run has chosen stays until this one takes a step. */
  #hasBegun = false

  /** @throws MedAwareError `memory`, and nothing stays allocated then. */
  constructor(layers: readonly SvdLinear[], settings: AllocatorSettings) {
    const [first] = layers
    if (first === undefined) throw new RangeError('RankAllocator: no layers')
    this.#settings = settings
    this.#first = layers.reduce((sum, { rank }) => sum + rank, 0)
    this.#last = settings.targetR * layers.length
    const factors = layers.flatMap((layer) => Object.values(layer.factors))
    const { device } = first.factors.lora_E
    this.#device = device
    const { runs, masks } = device.memory.rooted(() =>
      device.memory.scoped((scope) => {
        const kept = packedZeros(device, layers.map(({ factors: { lora_E } }) => lora_E.shape), 'AdaLoRA masks') // prettier-ignore
        const observed = parameterRuns(factors, () => true).map((run) => ({
          ...run,
          average: zeros(device, run.whole.shape, 'AdaLoRA importance'),
          uncertainty: zeros(device, run.whole.shape, 'AdaLoRA uncertainty'),
        }))
        const all = [...kept, ...observed.flatMap(({ average, uncertainty }) => [average, uncertainty])]
        for (const tensor of all) scope.keep(tensor)
        return { runs: observed, masks: kept }
      }),
    )
    this.#runs = runs
    this.#allotted = layers.flatMap((layer, i) => {
      const mask = masks[i]
      return mask === undefined ? [] : [{ layer, mask }]
    })
    for (const { mask } of this.#allotted) mask.write(new Float32Array(mask.count).fill(1))
  }

  /** As `AdapterTraining.afterStep`: scores are waited for where triplets are chosen. */
  afterStep({ step, grads, clip }: TrainedStep): (() => Promise<void>) | null {
    const { totalStep, tfinal } = this.#settings
    if (!this.#hasBegun) for (const { layer } of this.#allotted) layer.kept = null
    this.#hasBegun = true
    const budget = budgetAt(step, this.#settings, this.#first, this.#last)
    const { memory } = this.#device
    const scores = memory.rooted(() =>
      memory.scoped((scope) => {
        if (step < totalStep - tfinal) this.#observe(grads, clip)
        else if (step > totalStep - tfinal) this.#applyMasks()
        return budget === null ? null : scope.keep(this.#scores())
      }),
    )
    return budget === null || scores === null ? null : () => this.#choose(scores, budget)
  }

  /** By PEFT's names for a run's state; for checkpoints. */
  state(): readonly StateTensor[] {
    const observed = this.#runs.flatMap((run) =>
      run.members.flatMap((parameter) => [
        { name: 'exp_avg_ipt', parameter, tensor: windowOf(run.average, run, parameter) },
        { name: 'exp_avg_unc', parameter, tensor: windowOf(run.uncertainty, run, parameter) },
      ]),
    )
    const masks = this.#allotted.map(({ layer, mask }) => {
      return { name: 'rank_pattern', parameter: layer.factors.lora_E, tensor: mask }
    })
    return [...observed, ...masks]
  }

  /** Goes on from a state that was read. */
  async restored(): Promise<void> {
    const masks = await Promise.all(this.#allotted.map(({ mask }) => mask.read()))
    this.#hasBegun = true
    // Every choice leaves some out.
    const isAllotted = masks.some((mask) => mask.includes(0))
    for (const [i, { layer }] of this.#allotted.entries()) {
      layer.kept = isAllotted ? Array.from(masks[i] ?? [], (value) => value !== 0) : null
    }
  }

  /** Frees its state. */
  dispose(): void {
    for (const { average, uncertainty } of this.#runs) for (const each of [average, uncertainty]) each.dispose()
    for (const { mask } of this.#allotted) mask.dispose()
  }

  #observe(grads: ReadonlyMap<Tensor, Tensor>, clip: Tensor): void {
    const { beta1, beta2 } = this.#settings
    for (const run of this.#runs) {
      const { whole, average, uncertainty } = run
      const { vector: grad } = gather(run, (member) => gradientOf(member, grads), 'packed gradients')
      whole.device.run(
        'sensitivity',
        { param: whole, grad, clip, average, uncertainty },
        { count: whole.count, beta1, gain1: 1 - beta1, beta2, gain2: 1 - beta2 },
      )
    }
  }

  /** The scores of all triplets, place by place: that of E's entry, and the means of A's row and B's column. */
  #scores(): Tensor {
    const scoreOf = new Map(
      this.#runs.flatMap((run) =>
        run.members.map((member) => {
          const [average, uncertainty] = [windowOf(run.average, run, member), windowOf(run.uncertainty, run, member)]
          return [member, mul(average, uncertainty)] as const
        }),
      ),
    )
    const scores = this.#allotted.map(({ layer: { rank, factors } }) => {
      const of = (factor: Tensor) => scoreOf.get(factor) ?? factor
      const vectors = add(mean(of(factors.lora_A), { axis: 1 }), mean(of(factors.lora_B), { axis: 0 }))
      return add(reshape(of(factors.lora_E), [rank]), vectors)
    })
    const all = empty(this.#device, [this.#first], 'scores of triplets')
    let byteOffset = all.byteOffset
    for (const score of scores) {
      this.#device.copy(score, { buffer: all.buffer, byteOffset, byteLength: score.byteLength })
      byteOffset += score.byteLength
    }
    return all
  }

  async #choose(scores: Tensor, budget: number): Promise<void> {
    const all = await scores.read()
    scores.dispose()
    let at = 0
    const kept = keptOf(
      this.#allotted.map(({ layer: { rank } }) => all.subarray(at, (at += rank))),
      budget,
    )
    for (const [i, { layer, mask }] of this.#allotted.entries()) {
      layer.kept = kept[i] ?? null
      mask.write(Float32Array.from(layer.kept ?? [], Number))
    }
    const { memory } = this.#device
    memory.rooted(() => memory.scoped(() => this.#applyMasks()))
  }

  #applyMasks(): void {
    for (const { layer, mask } of this.#allotted) {
      const { lora_E } = layer.factors
      lora_E.device.copy(mul(lora_E, mask), lora_E)
    }
  }
}

function gradientOf(parameter: Tensor, grads: ReadonlyMap<Tensor, Tensor>): Tensor {
  const grad = grads.get(parameter)
  if (grad === undefined) throw new RangeError('RankAllocator: a factor has no gradient')
  return grad
}
