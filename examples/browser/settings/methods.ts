import type { AnyConfig } from 'peft-medaware/worker'
import type { Settings } from './settings.ts'

/** A way to adapt the model, as the page offers it. */
export interface Method {
  readonly label: string
  /** What it does and costs, in a sentence or two; docs/adapters.md has the whole. */
  readonly about: string
  /** Its learning rate, in LoRA's. */
  readonly rate: number
  /** Usual rank, and what is beside it; null where it has none. */
  readonly rank: number | null
  readonly hasAlpha: boolean
  readonly hasDropout: boolean
  /** Whether the person chooses the projections; else they are PEFT's for the model. */
  readonly hasTargets: boolean
  config(settings: Settings): AnyConfig
}

/** What all of LoRA's kind are told. */
function loraOf({ rank, loraAlpha, loraDropout, targetModules }: Settings) {
  return { peftType: 'LORA', r: rank, loraAlpha, loraDropout, ...targetsOf({ targetModules }) } as const
}

/** Without a name PEFT's own choice for the architecture is taken, such as `q_proj` and `v_proj` of a Llama. */
function targetsOf({ targetModules }: Pick<Settings, 'targetModules'>) {
  return targetModules === 'all-linear' ? { targetModules } : {}
}

const likeLora = { rate: 1, rank: 16, hasAlpha: true, hasDropout: true, hasTargets: true }

/** The methods that are offered, by the names that settings have for them. */
export const methods = {
  lora: {
    ...likeLora,
    label: 'LoRA',
    about: 'Adds a product of two thin matrices. About 1% more work at rank 16; the usual choice.',
    config: loraOf,
  },
  rslora: {
    ...likeLora,
    label: 'rsLoRA',
    about: 'LoRA divided by the root of the rank, so that high ranks learn too. Costs what LoRA does.',
    config: (settings) => ({ ...loraOf(settings), useRslora: true }),
  },
  dora: {
    ...likeLora,
    label: 'DoRA',
    about:
      'LoRA with the lengths of the rows beside it. Nearer to full fine-tuning at a low rank; each step is slower.',
    config: (settings) => ({ ...loraOf(settings), useDora: true }),
  },
  loha: {
    ...likeLora,
    label: 'LoHa',
    rate: 3,
    about: 'Multiplies two low-rank products number by number. Twice the weights of LoRA, and slower steps.',
    hasDropout: false,
    config: ({ rank, loraAlpha, targetModules }) => ({
      ...{ peftType: 'LOHA', r: rank, alpha: loraAlpha },
      ...targetsOf({ targetModules }),
    }),
  },
  lokr: {
    ...likeLora,
    label: 'LoKr',
    rate: 3,
    about: "Kronecker's product of two small matrices. A twentieth of LoRA's weights, and a small file.",
    hasDropout: false,
    config: ({ rank, loraAlpha, targetModules }) => ({
      ...{ peftType: 'LOKR', r: rank, alpha: loraAlpha },
      ...targetsOf({ targetModules }),
    }),
  },
  oft: {
    ...likeLora,
    label: 'OFT',
    about: 'Turns the inputs of each layer by small rotations. Half the weights of LoRA, and slower steps.',
    rank: null,
    hasAlpha: false,
    hasDropout: false,
    config: ({ targetModules }) => ({ peftType: 'OFT', ...targetsOf({ targetModules }) }),
  },
  ia3: {
    ...likeLora,
    label: '(IA)³',
    rate: 10,
    about: "Scales what a few layers give. A fifth of LoRA's weights, least memory, and it learns less.",
    rank: null,
    hasAlpha: false,
    hasDropout: false,
    hasTargets: false,
    config: () => ({ peftType: 'IA3' }),
  },
  vera: {
    ...likeLora,
    label: 'VeRA',
    rate: 10,
    about: "Scales random matrices that all layers share. A tenth of LoRA's weights, at a high rank, so more work.",
    rank: 256,
    hasAlpha: false,
    hasTargets: false,
    config: ({ rank, loraDropout }) => ({ peftType: 'VERA', r: rank, veraDropout: loraDropout }),
  },
} satisfies Readonly<Record<string, Method>>

export type MethodName = keyof typeof methods

/** What is known of a method. */
export const methodOf = (name: MethodName): Method => methods[name]
