import type { Device } from '../src/device/device.ts'
import { serve } from './serve.ts'

/** Steps whose losses are told before any is timed. */
const checkedSteps = 4

/**
 * Serves a training step, which resolves to its loss when the adapter has finished; and what ran in it, if it is given
 * a device that keeps a profile.
 */
export async function serveSteps(
  versions: Readonly<Record<string, string>>,
  step: () => Promise<number>,
  device?: Device,
): Promise<never> {
  const losses: number[] = []
  for (let i = 0; i < checkedSteps; i++) losses.push(await step())
  return serve({ versions, losses }, async (calls) => {
    await device?.settle()
    device?.profile?.reset()
    const start = performance.now()
    for (let i = 0; i < calls; i++) await step()
    const milliseconds = (performance.now() - start) / calls
    await device?.settle()
    return { milliseconds, kernels: device?.profile?.costs() ?? [] }
  })
}
