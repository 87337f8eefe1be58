import { check, MedAwareError, messageOf } from '../../core/errors.ts'

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

/** Not yet in the standard, nor in its types. */
const matrixFeature = 'chromium-experimental-subgroup-matrix' as GPUFeatureName

/** Features that are asked for where they are. */
const wantedFeatures = ['shader-f16', 'subgroups', 'timestamp-query', matrixFeature] as const

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

interface MatrixConfig {
  readonly componentType: string
  readonly resultComponentType: string
  readonly M: number
  readonly N: number
  readonly K: number
}

/** Whether the device multiplies subgroup matrices of 8 × 8 × 8 in f32, as Apple's do. */
export function hasSubgroupMatrices(
  gpu: GPUDevice,
  info: GPUAdapterInfo & { readonly subgroupMatrixConfigs?: Iterable<MatrixConfig> },
): boolean {
  if (!gpu.features.has(matrixFeature)) return false
  return [...(info.subgroupMatrixConfigs ?? [])].some(
    ({ componentType, resultComponentType, M, N, K }) =>
      componentType === 'f32' && resultComponentType === 'f32' && M === 8 && N === 8 && K === 8,
  )
}

/** All that an adapter says of itself and its driver, to know it again by. */
export function adapterKey(info: GPUAdapterInfo): string {
  const { vendor, architecture, device, description, subgroupMinSize, subgroupMaxSize } = info
  // Chromium says more where it is told to.
  const driver = 'driver' in info ? String(info.driver) : ''
  return [vendor, architecture, device, description, driver, subgroupMinSize, subgroupMaxSize].join(' | ')
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
    const why = messageOf(cause)
    throw new MedAwareError('device', `${description}: the adapter gave no device, ${why}`, { cause })
  }
}
