import { cpus } from 'node:os'
import { setFlagsFromString } from 'node:v8'
import { isNode } from './node-runtime.ts'
import type { Platform } from './platform.ts'

const major = Number.parseInt(process.versions.node, 10)
const flags = { relaxed: '--experimental-wasm-relaxed-simd', wide: '--experimental-wasm-revectorize' } as const

/** The versions of Node in which `.ci/node-matrix` holds the revectoriser to every kernel. */
const revectorising: readonly number[] = [24, 26]

/**
 * V8's flags, for the whole process and what it compiles from here on. Relaxed SIMD is behind one in Node 20, where it
 * is what the next release of V8 shipped; the revectoriser that makes pairs of 128-bit instructions 256-bit ones is, on
 * x64, in Node 24 and 26, and a later one is left alone until every kernel was tried there: one that fails ends the
 * process. Deno has `setFlagsFromString` and Bun has as well; there it changes nothing.
 */
export const unlockSimd: Platform['unlockSimd'] = (build) => {
  const isBehindFlag = build === 'relaxed' ? major === 20 : revectorising.includes(major) && process.arch === 'x64'
  if (!isNode || !isBehindFlag) return null
  setFlagsFromString(flags[build])
  return flags[build]
}

/** V8 takes a flag back by its name with `no-`. */
export const lockSimd: Platform['lockSimd'] = (build) => {
  if (unlockSimd(build) !== null) setFlagsFromString(flags[build].replace('--', '--no-'))
}

/** As the system names it. */
export const processorName: Platform['processorName'] = () =>
  `${cpus()[0]?.model ?? 'unknown'}, ${process.platform} ${process.arch}, Node ${process.versions.node}`
