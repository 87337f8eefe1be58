import { lockSimd, processorName, readCache, unlockSimd, writeCache } from '#platform'
import { messageOf } from '../../core/errors.ts'
import { hashText } from '../../core/hash.ts'
import { isJsonObject } from '../../core/json.ts'
import { version } from '../../core/version.ts'
import { type CpuBuild, defaultCpuBuild, kernelsHash } from './module.ts'
import { BuildTrial, type TrialResult } from './build-trial.ts'

/** A build of the kernels, and why it is this one, in words for a log. */
export interface BuildChoice {
  readonly build: CpuBuild
  readonly why: string
}

/**
 * Where V8 makes 256-bit instructions of it, a product of `wide` takes 0.55 to 0.8 of the time of `relaxed`, elsewhere
 * 1.2 to 2 times as long. What lies between is no answer to be kept.
 */
const mostOfFaster = 0.9
const leastOfSlower = 1.1

const unmeasured = 'wide gains in Node 24 and 26 on x64 alone'

let chosen: Promise<BuildChoice> | null = null

/**
 * The build whose matrix products are quickest in this process: `wide` where V8 has its revectoriser, and a product of
 * it is right and clearly faster, else the default one. Measured in a fifth of a second, once for a processor, a
 * version of Node and the kernels, and kept in the platform's cache, so that a machine takes the same build on every
 * run. Sets V8's flag for the whole process while it measures, and leaves it set if `wide` is chosen. Asked again, it
 * says the same.
 */
export function fastestBuild(): Promise<BuildChoice> {
  return (chosen ??= choose())
}

async function choose(): Promise<BuildChoice> {
  const usual = defaultCpuBuild()
  if (usual !== 'relaxed') return { build: usual, why: 'this engine has no relaxed SIMD' }
  if (unlockSimd('wide') === null) return { build: usual, why: unmeasured }
  const choice = await choiceHere()
  if (choice.build !== 'wide') lockSimd('wide')
  return choice
}

async function choiceHere(): Promise<BuildChoice> {
  const place = `${processorName()}; peft-medaware ${version}; kernels ${await kernelsHash('wide')}`
  const file = `cpu-build-${hashText(place)}.json`
  const kept = parse(await readCache(file), place)
  if (kept !== null) return choiceOf(kept)
  try {
    const result = await new BuildTrial().run(isFaster)
    if (isClear(result.ratio)) await writeCache(file, `${JSON.stringify({ place, ...result }, null, 2)}\n`)
    return choiceOf(result)
  } catch (error) {
    return { build: 'relaxed', why: `the builds could not be compared, ${messageOf(error)}` }
  }
}

function isFaster(ratio: number): boolean {
  return ratio <= mostOfFaster
}

function isClear(ratio: number): boolean {
  return isFaster(ratio) || ratio >= leastOfSlower
}

/** What follows from a trial. */
export function choiceOf({ ratio, isRight }: TrialResult): BuildChoice {
  if (!isRight) return { build: 'relaxed', why: 'wide computes a product wrong here' }
  const found = `a product of wide takes ${ratio.toFixed(2)} of relaxed's time here`
  if (isFaster(ratio)) return { build: 'wide', why: found }
  return { build: 'relaxed', why: isClear(ratio) ? found : `${found}, which is no clear answer` }
}

/** null for anything but what was kept of this place. */
function parse(text: string | null, place: string): TrialResult | null {
  try {
    const value: unknown = JSON.parse(text ?? 'null')
    if (!isJsonObject(value) || value['place'] !== place) return null
    const { ratio, isRight } = value
    return typeof ratio === 'number' && ratio > 0 && typeof isRight === 'boolean' ? { ratio, isRight } : null
  } catch {
    return null
  }
}
