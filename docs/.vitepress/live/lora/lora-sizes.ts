/** A linear layer, and the rank of LoRA beside it. */
export interface LoraShape {
  readonly inputs: number
  readonly outputs: number
  readonly r: number
}

/** What LoRA of one layer trains and keeps. */
export interface LoraSizes {
  /** Numbers of the layer. */
  readonly full: number
  /** Numbers of A and B. */
  readonly trained: number
  readonly share: number
  /** Bytes while training: a gradient and AdamW's two moments of 32 bits beside each trained number. */
  readonly trainingBytes: number
  /** The same if the layer itself were trained. */
  readonly fullTrainingBytes: number
}

export function loraSizes({ inputs, outputs, r }: LoraShape): LoraSizes {
  const full = inputs * outputs
  const trained = r * (inputs + outputs)
  return { full, trained, share: trained / full, trainingBytes: 16 * trained, fullTrainingBytes: 16 * full }
}
