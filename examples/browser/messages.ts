import type { StepReport } from 'peft-medaware'

/** What the page may ask of the worker; orders wait for one another, but for `check` and `stop`. */
export type Order =
  /** `files` of a model, or `null` for the small base. */
  | { readonly kind: 'open'; readonly engine: Engine; readonly files: readonly File[] | null; readonly name: string }
  | { readonly kind: 'check'; readonly data: string | File }
  | { readonly kind: 'train'; readonly data: string | File; readonly settings: Settings }
  | { readonly kind: 'go-on' }
  /** Ends training after the step, or an answer after the token, that is under way. */
  | { readonly kind: 'stop' }
  | { readonly kind: 'ask'; readonly question: string; readonly sides: readonly Side[] }
  | { readonly kind: 'save' }

/** What the worker tells the page. */
export type News =
  | { readonly kind: 'loading'; readonly done: number; readonly total: number }
  | { readonly kind: 'opened'; readonly opened: Opened }
  | { readonly kind: 'checked'; readonly pairs: number; readonly leftOut: number }
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'training'; readonly examples: number; readonly trainable: number }
  | { readonly kind: 'step'; readonly report: StepReport }
  | { readonly kind: 'warning'; readonly message: string }
  | { readonly kind: 'trained'; readonly step: number; readonly steps: number }
  | { readonly kind: 'answer'; readonly side: Side; readonly text: string }
  | { readonly kind: 'answered' }
  | { readonly kind: 'saved'; readonly zip: Uint8Array<ArrayBuffer>; readonly fileName: string }
  | { readonly kind: 'failed'; readonly order: Order['kind']; readonly message: string }

export type Engine = 'auto' | 'webgpu' | 'cpu'

/** The model as it was, or with what it has learned. */
export type Side = 'before' | 'after'

/** An engine with a model on it. */
export interface Opened {
  readonly engine: 'cpu' | 'webgpu'
  /** What it runs on, and why there. */
  readonly description: string
  readonly reason: string
  readonly model: string
  readonly parameters: number
  /** On the device. */
  readonly bytes: number
}

/** How to train. */
export interface Settings {
  readonly steps: number
  /** Questions of a step. */
  readonly batchSize: number
  readonly learningRate: number
  /** r of LoRA; alpha is twice that. */
  readonly rank: number
  /** Tokens of a question and its answer. */
  readonly maxLength: number
}
