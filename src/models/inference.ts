import type { Module } from '../nn/module.ts'

/** Runs `work` with `model` out of training, so that dropout draws nothing, and puts it back as it was. */
export function inference<T>(model: Module, work: () => T): T {
  const { training } = model
  if (!training) return work()
  model.train(false)
  try {
    return work()
  } finally {
    model.train(training)
  }
}
