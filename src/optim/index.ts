/**
 * What makes steps of gradients: AdamW with clipping on the device, and transformers' schedules.
 * @packageDocumentation
 */
export { AdamW, type AdamWOptions, type Moments } from './adamw.ts'
export { schedule, type Schedule, type ScheduleName } from './schedules.ts'
