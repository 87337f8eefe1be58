import { hashText } from '../core/hash.ts'
import type { TuningChoices } from './device.ts'
import type { KernelName } from './kernels.ts'
import { shapeClass } from './shape-class.ts'
import { type Candidates, programName } from './webgpu-candidates.ts'
import type { Variant } from './webgpu-variants.ts'

type Params = Readonly<Record<string, number>>

/** Calls that one choice serves. */
export interface CallClass {
  readonly name: string
  /** What is not struck of the programs that can do the call, the best guess first. */
  readonly candidates: readonly Variant[]
}

/**
 * Which program does which calls. A class that has been run, or was chosen for, keeps its program for as long as the device
 * lives: results do not change in the middle of a run, and the choices in force at its end give its bits again.
 */
export class Choices {
  readonly #inForce = new Map<string, Variant>()
  readonly #struck: Set<string>
  readonly #candidates: Candidates
  readonly #seeds: TuningChoices

  /**
   * @param seeds Choices made before; what they do not name, or name in vain, goes to the best guess.
   * @param struck Names of programs that are out from the start.
   */
  constructor(candidates: Candidates, seeds: TuningChoices, struck: readonly string[] = []) {
    this.#candidates = candidates
    this.#seeds = seeds
    this.#struck = new Set(struck)
  }

  /** Names of the programs that are out. */
  get struck(): readonly string[] {
    return [...this.#struck]
  }

  /** Takes a program out of all candidates: it does not compile here, or is wrong. The last one of a call stays. */
  strike(program: string): void {
    this.#struck.add(program)
  }

  /** The class of a call. Candidates are part of its name, since near sizes may have others; those struck are, too. */
  classOf(kernel: KernelName, params: Params): CallClass {
    const all = this.#candidates(kernel, params)
    const names = all.map(programName)
    const candidates = all.filter((_, i) => i === all.length - 1 || !this.#struck.has(names[i] ?? ''))
    return { name: `${shapeClass(kernel, params)} of ${hashText(names.join()).slice(0, 8)}`, candidates }
  }

  /** Whether the class has its program, and will keep it. */
  isSettled({ name, candidates }: CallClass): boolean {
    return this.#inForce.has(name) || this.#seedOf(name, candidates) !== undefined
  }

  /** Chooses for a class that has no program yet. */
  settle(one: CallClass, program: Variant): void {
    if (!this.isSettled(one)) this.#inForce.set(one.name, program)
  }

  /** The program of a call, which its class keeps from now on. */
  choose(kernel: KernelName, params: Params): Variant {
    const { name, candidates } = this.classOf(kernel, params)
    const known = this.#inForce.get(name)
    if (known !== undefined) return known
    const program = this.#seedOf(name, candidates) ?? candidates[0]
    if (program === undefined) throw new RangeError(`${kernel}: no program takes ${JSON.stringify(params)}`)
    if (candidates.length > 1) this.#inForce.set(name, program)
    return program
  }

  /** The choices in force, those that were seeds included. */
  toJSON(): TuningChoices {
    return { ...this.#seeds, ...Object.fromEntries([...this.#inForce].map(([name, one]) => [name, programName(one)])) }
  }

  #seedOf(name: string, candidates: readonly Variant[]): Variant | undefined {
    const seed = this.#seeds[name]
    return seed === undefined ? undefined : candidates.find((one) => programName(one) === seed)
  }
}
