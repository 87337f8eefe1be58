/**
 * Gradients: `valueAndGrad` turns a loss into one that gives them, `record` ends an op of one's own, `noGrad` and
 * `checkpointed` say what a tape is not to note.
 * @packageDocumentation
 */
export { checkpointed, type CheckpointedReads } from './checkpointed.ts'
export { noGrad } from './no-grad.ts'
export { tidy, record, records, type RuleReads } from './record.ts'
export type { Rule } from './tape.ts'
export { type Trainable, type ValueAndGrad, valueAndGrad } from './value-and-grad.ts'
