import type { CausalLm } from '../models/causal-lm.ts'
import { shareCount, sumSquares } from '../optim/clipping.ts'
import { adapterSetOf } from '../peft/adapter.ts'
import { zeros, type Tensor } from '../tensor/tensor.ts'

/** Steps that are looked at: tokens may be rare, and a warm-up may begin at a rate of 0. */
const most = 8

/** One adapter at one layer. */
interface Watched {
  readonly name: string
  readonly tensors: readonly Tensor[]
}

/**
 * Watches whether each adapted layer has any gradient in a run's first steps. One of its tensors may have none for a
 * while, as LoRA's A while B is 0, but never all. Squares are summed on the device, and read once, without a wait.
 */
export class GradientWatch {
  readonly #layers: readonly Watched[]
  readonly #steps: number
  readonly #tell: (layers: readonly string[], steps: number) => void
  /** Sums of squares of each step, one behind another; `null` before the first and after the last. */
  #squares: Tensor | null = null
  #seen = 0
  #isOpen = true

  /**
   * @param steps Of the whole run.
   * @param tell Told, once, the layers that had none, and in how many steps.
   */
  constructor(model: CausalLm, steps: number, tell: (layers: readonly string[], steps: number) => void) {
    const adapters = [...(adapterSetOf(model)?.members.values() ?? [])]
    const trained = adapters.filter(({ isActive, isTrainable }) => isActive && isTrainable)
    this.#layers = trained.flatMap(({ name, layers }) =>
      [...layers].map(([path, layer]) => ({
        name: trained.length > 1 ? `${path} (${name})` : path,
        tensors: Object.values(layer.adapter(name).factors),
      })),
    )
    this.#steps = Math.min(steps, most)
    this.#tell = tell
  }

  /** Looks at the gradients of a step. @param step From 1: a run that goes on later is not watched. */
  see(step: number, grads: ReadonlyMap<Tensor, Tensor>): void {
    if (!this.#isOpen) return
    const layers = this.#layers.map(({ name, tensors }) => ({
      name,
      grads: tensors.flatMap((t) => grads.get(t) ?? []),
    }))
    const watched = layers.filter((layer) => layer.grads.length > 0)
    /** Whose each sum of a step is. */
    const owners = watched.flatMap((layer) => Array.from({ length: shareCount(layer.grads) }, () => layer.name))
    const [first] = watched.flatMap((layer) => layer.grads)
    if (first === undefined || step !== this.#seen + 1) {
      this.dispose()
      return
    }
    const { device } = first
    const squares = (this.#squares ??= device.memory.rooted(() => {
      return zeros(device, [this.#steps, owners.length], 'squared gradients of layers')
    }))
    sumSquares(
      watched.flatMap((layer) => layer.grads),
      squares,
      this.#seen++ * owners.length,
    )
    if (this.#seen === this.#steps) this.#report(squares, owners)
  }

  dispose(): void {
    this.#isOpen = false
    this.#squares?.dispose()
    this.#squares = null
  }

  #report(squares: Tensor, owners: readonly string[]): void {
    const reading = squares.read()
    this.dispose()
    // What is lost with the device is told by the run itself.
    void reading.then(
      (values) => {
        const without = new Set(owners)
        values.forEach((value, i) => value !== 0 && without.delete(owners[i % owners.length] ?? ''))
        if (without.size > 0) this.#tell([...without], this.#steps)
      },
      () => undefined,
    )
  }
}
