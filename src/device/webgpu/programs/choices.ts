import { hashText } from '../../../core/hash.ts'
import type { TuningChoices } from '../../device.ts'
import type { KernelName } from '../../register/kernels.ts'
import { shapeClass } from '../../register/shape-class.ts'
import { type Candidates, isTwin, programName } from './candidates.ts'
import type { Variant } from './variant.ts'
import type { Params } from '../../register/param-type.ts'

/** Calls that one choice serves. */
export interface CallClass {
  readonly name: string
  /** What is not struck of the programs that can do the call, the best guess first. */
  readonly candidates: readonly Variant[]
}

/**
 * Which program does which calls. A class that has been run, or was chosen for, keeps its program for as long as the
 * device lives: results do not change in the middle of a run, and the choices in force at its end give its bits again.
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

  /** Takes a program out of all candidates: it does not compile here, or is wrong. A kernel's twin stays. */
  strike(program: string): void {
    this.#struck.add(program)
  }

  /** The class of a call. Candidates are part of its name, since near sizes may have others; those struck are, too. */
  classOf(kernel: KernelName, params: Params): CallClass {
    const all = this.#candidates(kernel, params)
    const names = all.map(programName)
    const candidates = all.filter((one, i) => isTwin(one) || !this.#struck.has(names[i] ?? ''))
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

  /** The program that a call would have now. */
  peek(kernel: KernelName, params: Params): Variant {
    return this.#find(this.classOf(kernel, params), kernel)
  }

  /** The program of a call, which its class keeps from now on. */
  choose(kernel: KernelName, params: Params): Variant {
    const one = this.classOf(kernel, params)
    const program = this.#find(one, kernel)
    if (one.candidates.length > 1) this.#inForce.set(one.name, program)
    return program
  }

  /** The choices in force, those that were seeds included. */
  toJSON(): TuningChoices {
    return { ...this.#seeds, ...Object.fromEntries([...this.#inForce].map(([name, one]) => [name, programName(one)])) }
  }

  #find({ name, candidates }: CallClass, kernel: KernelName): Variant {
    const program = this.#inForce.get(name) ?? this.#seedOf(name, candidates) ?? candidates[0]
    if (program === undefined) throw new RangeError(`${kernel}: no program takes the call ${name}`)
    return program
  }

  #seedOf(name: string, candidates: readonly Variant[]): Variant | undefined {
    const seed = this.#seeds[name]
    return seed === undefined ? undefined : candidates.find((one) => programName(one) === seed)
  }
}
