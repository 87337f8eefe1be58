import { check, MedAwareError } from '../core/errors.ts'

/** What is known of an adapter before it is opened. */
export interface AdapterFacts {
  /** One line: the adapter's own description, its vendor and architecture, and whether it is software. */
  readonly description: string
  /** Whether a CPU does the work (llvmpipe, SwiftShader, WARP), which the WebAssembly engine does faster. */
  readonly isSoftware: boolean
}

const softwareNames = /llvmpipe|lavapipe|swiftshader|microsoft basic render|\bwarp\b/i

/** Limits that are asked for in full: models are large, and tiles want workgroup memory. */
const wantedLimits = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupSizeY',
] as const

/** Features that are asked for where they are. */
const wantedFeatures = ['subgroups', 'timestamp-query'] as const

/** Storage buffers the largest kernel binds; WebGPU's core limit. */
const storageBuffersNeeded = 8

/** Describes an adapter from its info. */
export function describeAdapter(
  info: Pick<GPUAdapterInfo, 'vendor' | 'architecture' | 'device' | 'description'> & { isFallbackAdapter?: boolean },
): AdapterFacts {
  const words = [info.vendor, info.architecture].filter((word) => word !== '')
  const name = [info.description, info.device].find((word) => word !== '') ?? words.join(' ')
  const isSoftware = info.isFallbackAdapter === true || softwareNames.test([...words, name, info.device].join(' '))
  const facts = [...words.filter((word) => !name.includes(word)), ...(isSoftware ? ['software'] : [])]
  const extra = [...new Set(facts)]
  const description = `WebGPU on ${name === '' ? 'an unnamed adapter' : name}${extra.length > 0 ? ` (${extra.join(', ')})` : ''}`
  return { description, isSoftware }
}

/**
 * Opens the adapter with all of the limits the engine profits from.
 * @throws MedAwareError `device` when the adapter is too small or refuses.
 */
export async function requestDevice(adapter: GPUAdapter): Promise<GPUDevice> {
  const { description } = describeAdapter(adapter.info)
  check(
    adapter.limits.maxStorageBuffersPerShaderStage >= storageBuffersNeeded,
    'device',
    () =>
      `${description}: kernels bind up to ${storageBuffersNeeded} storage buffers, the adapter allows ` +
      `${adapter.limits.maxStorageBuffersPerShaderStage}; use { device: 'cpu' }`,
  )
  const requiredLimits: Record<string, number> = {}
  for (const name of wantedLimits) requiredLimits[name] = adapter.limits[name]
  try {
    const requiredFeatures = wantedFeatures.filter((name) => adapter.features.has(name))
    return await adapter.requestDevice({ label: 'peft-medaware', requiredLimits, requiredFeatures })
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new MedAwareError('device', `${description}: the adapter gave no device, ${why}`, { cause })
  }
}
