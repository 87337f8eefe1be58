import { hasFound, probeNames, type RuntimeRecord } from './finding.ts'

/**
 * What is worse than it was: a runtime in which plain SIMD trains to other bits than in the first one, and what worked
 * when it was recorded and fails now.
 */
export function worse(found: readonly RuntimeRecord[], known: readonly RuntimeRecord[]): string[] {
  const reference = found[0]?.probes.simd
  return found.flatMap(({ name, probes, command }) => {
    const before = known.find((runtime) => runtime.name === name)
    const failed = probeNames.flatMap((probe) => {
      const now = probes[probe]
      if (now === undefined || hasFound(now)) return []
      return probe === 'simd' || hasFound(before?.probes[probe]) ? [`${name}, ${probe}: ${now.error}`] : []
    })
    const { simd } = probes
    const isOther = hasFound(simd) && hasFound(reference) && simd.adapter !== reference.adapter
    const bits = isOther ? [`${name}, simd: its adapter ${simd.adapter} is not ${reference.adapter}`] : []
    const isLost = 'error' in command && before !== undefined && !('error' in before.command)
    return [...failed, ...bits, ...(isLost ? [`${name}, command: ${command.error}`] : [])]
  })
}
