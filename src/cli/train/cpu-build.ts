import { cpus } from 'node:os'
import { readCache, writeCache } from '#platform'
import { isJsonObject } from '../../core/json.ts'
import { type CpuBuild, openCpuDevice } from '../../device/cpu/cpu-device.ts'
import { matmul } from '../../ops/matmul.ts'
import { fromArray } from '../../tensor/tensor.ts'
import { MedAwareError } from '../../core/errors.ts'

const cacheFile = 'cpu-build.json'
const builds = ['relaxed', 'wide'] as const

/**
 * The quicker build of the CPU engine on this machine, measured once and kept: 'wide' needs a flag of Node's that only
 * a program of its own may set. `null` where the library's own choice stays.
 */
export async function quickestBuild(): Promise<CpuBuild | null> {
  const place = `${cpus()[0]?.model ?? 'unknown'}, Node ${process.versions.node}`
  const kept = await keptChoice(place)
  if (kept !== undefined) return kept
  const times = new Map<CpuBuild, number>()
  for (const build of builds) {
    const time = await timeOf(build)
    if (time !== null) times.set(build, time)
  }
  const [relaxed, wide] = [times.get('relaxed') ?? Infinity, times.get('wide') ?? Infinity]
  const chosen = wide < 0.95 * relaxed ? 'wide' : null
  await writeCache(cacheFile, JSON.stringify({ place, build: chosen }))
  return chosen
}

async function keptChoice(place: string): Promise<CpuBuild | null | undefined> {
  try {
    const kept: unknown = JSON.parse((await readCache(cacheFile)) ?? 'null')
    if (!isJsonObject(kept) || kept['place'] !== place) return undefined
    return kept['build'] === 'wide' ? 'wide' : null
  } catch {
    return undefined
  }
}

/** Milliseconds of a product, the least of some; null where the build cannot be had here. */
async function timeOf(build: CpuBuild): Promise<number | null> {
  try {
    const device = await openCpuDevice({ build, threads: 1 })
    try {
      const times: number[] = []
      for (let round = 0; round < 6; round++) {
        const start = performance.now()
        device.memory.scoped(() => {
          const a = fromArray(device, new Float32Array(256 * 512), [256, 512], 'a')
          matmul(a, fromArray(device, new Float32Array(512 * 512), [512, 512], 'b'))
        })
        await device.settle()
        times.push(performance.now() - start)
      }
      return Math.min(...times)
    } finally {
      device.dispose()
    }
  } catch (error) {
    if (error instanceof MedAwareError) return null
    throw error
  }
}
