import type { DeviceBuffer } from '../device/buffer.ts'
import { doneAtOnce } from '../device/memory.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { Gradients } from './gradients.ts'

/**
 * An op's gradient rule: from the gradient of its output to those of its inputs, in their order, `null` where none is
 * needed. `needs[i]` says whether input i wants one. `totals[i]` is what other uses of input i have given it so far, if
 * the rule said that it `addsTo` that input and there is any: the rule adds its own share in place and returns the
 * total.
 */
export type Rule = (
  dOut: Tensor,
  needs: readonly boolean[],
  totals: readonly (Tensor | null)[],
) => readonly (Tensor | null)[]

interface Entry {
  readonly out: Tensor
  readonly inputs: readonly (Tensor | null)[]
  readonly rule: Rule
  /** What the rule reads that belongs to others. */
  readonly reads: readonly (Tensor | null)[]
  /** What only the rule reads; freed with the entry. */
  readonly saved: readonly Tensor[]
  /** Inputs whose total the rule adds to itself. */
  readonly addsTo: readonly Tensor[]
  /** Whether `out` lies on the buffer of an input. */
  readonly isWindow: boolean
}

/** What happened, in order, to values that a gradient is wanted for. */
export class Tape {
  readonly #entries: Entry[] = []

  /** The tape that ops record on now, if any. */
  static active: Tape | null = null

  /**
   * Runs `work` with this tape or none, and puts back the one that recorded before. @param who Whom errors speak for.
   */
  static during<T>(tape: Tape | null, work: () => T, who = 'valueAndGrad'): T {
    const outer = Tape.active
    Tape.active = tape
    try {
      return doneAtOnce(who, work())
    } finally {
      Tape.active = outer
    }
  }

  /** Entries so far. */
  get length(): number {
    return this.#entries.length
  }

  add(entry: Entry): void {
    this.#entries.push(entry)
  }

  /** Visits what the rules of the entries from `begin` on will read. */
  eachReadSince(begin: number, visit: (value: Tensor) => void): void {
    for (let i = begin; i < this.#entries.length; i++) {
      const entry = this.#entries[i]
      for (const value of entry?.reads ?? []) if (value !== null) visit(value)
      for (const value of entry?.saved ?? []) visit(value)
    }
  }

  /**
   * Walks back from `out`, whose gradient `dOut` stays the caller's, and returns the gradients of `wanted`. Each
   * entry's output, saved values and gradient are freed as soon as they have served, so the peak is that of the forward
   * pass.
   * @param places What gradients of some of `wanted` are added to, at first zeros; they are the caller's.
   */
  backward(
    out: Tensor,
    dOut: Tensor,
    wanted: ReadonlySet<Tensor>,
    keep: ReadonlySet<DeviceBuffer>,
    places: ReadonlyMap<Tensor, Tensor> = new Map(),
  ): Map<Tensor, Tensor> {
    const gradients = new Gradients(places)
    gradients.hold(dOut)
    gradients.put(out, dOut)
    for (let entry = this.#entries.pop(); entry !== undefined; entry = this.#entries.pop()) {
      const gradient = gradients.take(entry.out)
      if (gradient !== null) applyRule(entry, gradient, gradients)
      if (!entry.isWindow && !keep.has(entry.out.buffer)) entry.out.dispose()
      for (const value of entry.saved) if (!keep.has(value.buffer)) value.dispose()
    }
    return gradients.pick(wanted)
  }
}

/** Adds to the gradients of an entry's inputs what its rule makes of the output's. */
function applyRule({ inputs, rule, addsTo }: Entry, gradient: Tensor, gradients: Gradients): void {
  const needs: boolean[] = []
  const totals: (Tensor | null)[] = []
  for (const input of inputs) {
    needs.push(input?.requiresGrad ?? false)
    totals.push(input !== null && addsTo.includes(input) ? gradients.takeOwn(input) : null)
  }
  const dInputs = rule(gradient, needs, totals)
  for (const [i, input] of inputs.entries()) {
    const dInput = (input?.requiresGrad === true ? dInputs[i] : null) ?? null
    const total = totals[i] ?? null
    if (input !== null && dInput !== null) gradients.put(input, dInput)
    else if (input !== null && total !== null) gradients.putBack(input, total)
  }
  gradients.release(gradient)
  for (const total of totals) if (total !== null) gradients.release(total)
}
