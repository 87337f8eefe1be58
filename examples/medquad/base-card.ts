import type { LossReport } from 'peft-medaware'
import type { FalconConfig } from 'peft-medaware/models'
import { count, duration } from './words.ts'

/** What the model card of the small base says about its making. */
export interface Pretraining {
  readonly config: FalconConfig
  readonly parameters: number
  /** Tokens read, and tokens there are in the training answers. */
  readonly tokens: number
  readonly corpus: number
  readonly batchTokens: number
  readonly learningRate: number
  readonly seed: number
  readonly seconds: number
  readonly engine: string
  readonly command: string
  /** On answers of the validation part, whose diseases it has not seen. */
  readonly heldOut: LossReport
}

/** The README.md of a base that `pretrain.ts` made, in the form of the Hugging Face Hub. */
export function baseCard(made: Pretraining): string {
  const { config, heldOut } = made
  const sizes = `${config.numHiddenLayers} layers of ${config.hiddenSize}, ${config.numAttentionHeads} heads, a vocabulary of ${count(config.vocabSize)}`
  return `---
language: en
license: cc-by-4.0
library_name: peft-medaware
pipeline_tag: text-generation
tags: [falcon, medical, demonstration]
---

# A small Falcon-RW for the MedQuAD recipe

A language model of ${count(made.parameters)} parameters in the architecture of Falcon-RW
(${sizes}), and a byte-level BPE tokenizer,
both trained from nothing by peft-medaware: \`npm run medquad:pretrain\`. The recipe
\`npm run medquad\` quantises it to 4 bits and fine-tunes it.

**It is a demonstration, and no medical advice.** It is thousands of times too small to know medicine. It writes
fluent sentences in the manner of its sources and makes up what they say. Do not act on anything it writes.

## Training

| part | how it was made |
|---|---|
| Data | the answers on half of the diseases of MedQuAD's training part (by a hash of the disease's name), as plain text, ${count(made.corpus)} tokens; no question, and nothing on the other diseases |
| Tokens read | ${count(made.tokens)}, ${count(made.batchTokens)} an optimiser step |
| Optimiser | AdamW, betas 0.9 and 0.98, weight decay 0.1, cosine from ${made.learningRate} with warm-up, clipping at 1 |
| Seed | ${made.seed} |
| Command | \`${made.command}\` |
| Engine | ${made.engine}, ${duration(made.seconds)} |
| Held-out answers | loss ${heldOut.loss.toFixed(4)} nats a token, perplexity ${heldOut.perplexity.toFixed(2)}, ${heldOut.bitsPerByte?.toFixed(4) ?? '?'} bits per byte, on diseases it has not seen |
| Stored | float16 |

The same seed on the same engine gives the same model, bit for bit; another engine, or another version's
kernels, one of the same quality.

## Data and licence

Made from [MedQuAD](https://github.com/abachaa/MedQuAD), published under
[CC BY 4.0](https://creativecommons.org/licenses/by/4.0/). Please cite: Asma Ben Abacha and Dina Demner-Fushman, "A
Question-Entailment Approach to Question Answering", BMC Bioinformatics 20:511 (2019). MedQuAD's answers come from
websites of the US National Institutes of Health and other agencies. The weights are given on under CC BY 4.0 with that
attribution.
`
}
