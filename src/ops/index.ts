/**
 * Verbs on tensors, each with its gradient rule: what a layer or a loss is written in. They record on the tape of
 * `valueAndGrad` (`peft-medaware/autograd`) where an input wants a gradient, and nothing else.
 * @packageDocumentation
 */
export { add } from './add.ts'
export { addLayerNorm } from './add-layer-norm.ts'
export { addRmsNorm, rmsNorm } from './rms-norm.ts'
export { attention, type AttentionOptions, type KeyValueCache } from './attention.ts'
export { dropout } from './dropout.ts'
export { embedding } from './embedding.ts'
export { frobeniusNorm } from './frobenius-norm.ts'
export { gather } from './gather.ts'
export { gelu } from './gelu.ts'
export type { HeadLayout, HeadRows } from './head-layout.ts'
export type { KeyValuePrefix } from './key-value-prefix.ts'
export { layerNorm } from './layer-norm.ts'
export { addLinear, linear } from './linear.ts'
export { linearCrossEntropy } from './linear-cross-entropy.ts'
export { logSoftmax } from './log-softmax.ts'
export { mul } from './mul.ts'
export type { NormalSum } from './norm.ts'
export { reshape } from './array/reshape.ts'
export { slice } from './array/slice.ts'
export { mean, sum, type SumOptions } from './array/sum.ts'
export { swiGlu } from './swi-glu.ts'
export { transpose } from './array/transpose.ts'
export { Visibility } from './visibility.ts'
export { type Alibi, type VisibleKeys, visibleKeys } from './visible-keys.ts'
