/**
 * Nouns of a network: modules with Hugging Face's names, so that a path through the tree is a checkpoint's key.
 * @packageDocumentation
 */
export { Dropout, seedDropout } from './dropout.ts'
export { Embedding } from './embedding.ts'
export { LayerNorm } from './layer-norm.ts'
export { Linear, type Projection } from './linear.ts'
export { Module, ModuleList, type Weight, type Weights } from './module.ts'
export { type Quantization, quantize, type QuantizeOptions } from './quantize.ts'
export { RmsNorm } from './rms-norm.ts'
