/**
 * Nouns of a network: modules with Hugging Face's names, so that a path through the tree is a checkpoint's key; and how
 * a weight may be stored: the table of formats, to which a program can add.
 * @packageDocumentation
 */
export { registerStorageFormat, type StorageType } from '../formats/formats.ts'
export type {
  Checkpoint,
  FormatOptions,
  Lender,
  PlainWord,
  StorageFormat,
  StoredWeight,
  TensorsOfMatrix,
  TensorToSave,
} from '../formats/format.ts'
export { type Storage, StoredMatrix, type StorageRecipe } from '../tensor/stored-matrix.ts'
export { Dropout, seedDropout } from './dropout.ts'
export { Embedding, type Lookup } from './embedding.ts'
export { type Head, headLogProbs, headLoss, LanguageHead, TiedHead } from './language-head.ts'
export { LayerNorm } from './layer-norm.ts'
export { Linear, type Projection } from './linear.ts'
export { Module, ModuleList, type Weight, type Weights } from './module.ts'
export { type Quantization, quantize, type QuantizeOptions } from './quantize.ts'
export type { NormLayer } from './norm-layer.ts'
export { RmsNorm } from './rms-norm.ts'
