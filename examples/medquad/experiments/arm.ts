import type { LoadModelOptions } from 'peft-medaware'
import type { AdapterChoice } from '../adapter-choice.ts'
import { digestOf } from '../records.ts'

/** Bits that a weight of the base is stored in. */
export type Bits = 4 | 8 | 16 | 32

/** One way to adapt a base, as plain data: with the protocol and a seed it says what comes out. */
export interface Arm {
  readonly name: string
  /** What is trained: an adapter, every weight of the base, or nothing. */
  readonly trained: AdapterChoice | 'all weights' | null
  readonly bits: Bits
  /** Solved examples that stand before each question. */
  readonly shots: number
  /** Peak learning rate, and optimiser steps; 0 where nothing is trained. */
  readonly learningRate: number
  readonly steps: number
  /** Steps after which quality is measured, ascending, the last of them `steps`. */
  readonly marks: readonly number[]
}

/** What all arms of an experiment have alike. */
export interface Protocol {
  /** Raised when the runner changes what comes out. */
  readonly version: 1
  readonly base: string
  /** Tokens of a question and answer, and questions of a step. */
  readonly maxLength: number
  readonly batch: number
  /** What tells one set of pairs from another: those that are trained on, and those that are measured on. */
  readonly trainedOn: string
  readonly measuredOn: string
  /** Of those, how many are answered as well, and tokens of an answer. */
  readonly answers: number
  readonly answerTokens: number
}

/** How a base is loaded in so many bits. */
export function storageOf(bits: Bits): Pick<LoadModelOptions, 'quantize' | 'dtype'> {
  if (bits === 4) return { quantize: { type: 'nf4', doubleQuant: true } }
  if (bits === 8) return { quantize: 'int8' }
  return { quantize: false, dtype: bits === 16 ? 'f16' : 'f32' }
}

/** Names the record of an arm by all that it depends on, but for the arm's name. */
export function keyOf(protocol: Protocol, { name: _, ...arm }: Arm, seed: number): string {
  return digestOf(JSON.stringify([protocol, arm, seed]))
}
