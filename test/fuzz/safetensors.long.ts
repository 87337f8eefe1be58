import { expect, it } from 'vitest'
import { MedAwareError } from '../../src/core/errors.ts'
import { fuzz, makeInput } from './fuzz.ts'
import { findPython, isMeant, ownVerdict, rustVerdicts } from './rust-verdicts.ts'
import { index, safetensors } from './targets.ts'

const seed = 20_251

it.each([
  { target: safetensors, count: 600_000 },
  { target: index, count: 150_000 },
])('$target.name: $count inputs are read or refused, and nothing else', async ({ target, count }) => {
  const { failures, read, refused } = await fuzz(target, seed, count)
  expect(failures).toEqual([])
  expect(read).toBeGreaterThan(count / 100)
  expect(refused).toBeGreaterThan(count / 100)
})

const found = findPython()
if ('reason' in found) console.warn(`not compared with the Rust library: ${found.reason}`)

it.skipIf('reason' in found)('30,000 files are what the Rust library takes them for', async () => {
  const files = Array.from({ length: 30_000 }, (_, i) => makeInput(safetensors, seed + 1, i))
  const verdicts = rustVerdicts('python' in found ? found.python : '', files)
  const differ: unknown[] = []
  const meant = new Map<string, number>()
  let agreed = 0
  for (const [i, file] of files.entries()) {
    const rust = verdicts[i]
    const own = await ownVerdict(file)
    const isRefused = own instanceof MedAwareError
    const reason = isRefused && rust !== null ? isMeant(own) : undefined
    if (reason !== undefined) meant.set(reason, (meant.get(reason) ?? 0) + 1)
    else if (isRefused ? rust === null : JSON.stringify(own) === JSON.stringify(rust)) agreed++
    else differ.push({ file: Buffer.from(file).toString('latin1'), own: isRefused ? own.message : own, rust })
  }
  console.log(
    `the Rust library and this one agree on ${agreed} files, and differ on purpose:`,
    Object.fromEntries(meant),
  )
  expect(differ.slice(0, 5)).toEqual([])
  expect(verdicts.filter((rust) => rust !== null).length).toBeGreaterThan(5000)
  // A difference that is meant is one that is met.
  expect(meant.size).toBeGreaterThanOrEqual(5)
})
