import { readArgument, that } from '../../core/options.ts'
import { storageFormats } from '../../formats/formats.ts'
import { showBytes } from './memory-advice.ts'
import type { MemoryPlan } from './memory-plan.ts'

const planRule = that(
  'a plan, as planMemory gives',
  (value): value is MemoryPlan => typeof value === 'object' && value !== null && 'weights' in value && 'total' in value,
)

/** What a plan says in one line. @throws MedAwareError `config` for what is none. */
export function describeMemoryPlan(plan: MemoryPlan): string {
  readArgument('describeMemoryPlan', 'plan', plan, planRule)
  const parts = [
    ...storageFormats().map(({ name, words }) => [plan.weights[name] ?? 0, `${words} weights`] as const),
    [plan.weights.f16, 'f16 weights'],
    [plan.weights.bf16, 'bf16 weights'],
    [plan.weights.f32, 'f32 weights'],
    [plan.adapter, 'adapter'],
    [plan.optimizer, 'optimizer state'],
    [plan.gradients, 'gradients'],
    [plan.activations, 'activations'],
    [plan.logits, 'logits'],
  ] as const
  const spelt = parts.filter(([bytes]) => bytes > 0).map(([bytes, what]) => `${what} ${showBytes(bytes)}`)
  return `${showBytes(plan.total)} at most: ${spelt.join(', ')}; the largest buffer is ${plan.largest.label}, ${showBytes(plan.largest.bytes)}`
}
