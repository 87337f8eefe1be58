import { availableThreads, requestGpu } from '#platform'
import { describeAdapter } from '../../device/webgpu/adapter.ts'
import type { Gpu } from '../../platform/platform.ts'

/** Milliseconds for which nobody minds to wait. */
const patience = 250

/**
 * What models run on here, as far as it can be said at once: the WebGPU adapter or why there is none, and the CPU
 * engine. No device is opened.
 */
export async function describeMachine(): Promise<string> {
  const threads = availableThreads()
  const cpu = `CPU engine on ${threads} ${threads === 1 ? 'thread' : 'threads'}`
  const answer = await withinPatience(requestGpu({ hardwareOnly: true }))
  if (answer === null) return `${cpu}; the demo says whether there is WebGPU`
  const adapter = 'gpu' in answer ? await withinPatience(describeGpu(answer.gpu)) : `no WebGPU: ${answer.reason}`
  return adapter === null ? `${cpu}; the demo says which WebGPU adapter there is` : `${cpu}; ${adapter}`
}

async function describeGpu(gpu: Gpu): Promise<string> {
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' })
  if (adapter === null) return 'no WebGPU: it finds no adapter'
  const { description, isSoftware } = describeAdapter(adapter.info)
  return isSoftware ? `no GPU: ${description}` : description
}

/** What is awaited, or null where it takes longer or fails. */
function withinPatience<T>(work: Promise<T>): Promise<T | null> {
  const late = new Promise<null>((resolve) => void setTimeout(resolve, patience, null).unref())
  return Promise.race([work.catch(() => null), late])
}
