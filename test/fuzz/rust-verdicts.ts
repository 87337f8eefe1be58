import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import process from 'node:process'
import { MedAwareError } from '../../src/core/errors.ts'
import { bytesSource, openSafetensors } from '../../src/safetensors/index.ts'
import { joined } from '../../src/core/bytes.ts'

/** Tensors of a file as [name, dtype, shape, hexadecimal bytes], sorted by name as Python sorts. */
export type Tensors = readonly (readonly [string, string, readonly number[], string])[]

/** Python with the packages of test/interop/requirements.txt, or why there is none. */
export function findPython(): { readonly python: string } | { readonly reason: string } {
  const cache = process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache')
  const python = process.env['MEDAWARE_PYTHON'] ?? join(cache, 'peft-medaware-interop/venv/bin/python')
  if (!existsSync(python)) return { reason: `there is no ${python}; MEDAWARE_PYTHON names another` }
  try {
    execFileSync(python, ['-c', 'import safetensors'], { stdio: 'pipe' })
    return { python }
  } catch {
    return { reason: `${python} has no safetensors` }
  }
}

/** What the Rust library makes of each file; null where it refuses it. */
export function rustVerdicts(python: string, files: readonly Uint8Array[]): (Tensors | null)[] {
  const pieces = files.flatMap((file) => {
    const length = new DataView(new ArrayBuffer(4))
    length.setUint32(0, file.length, true)
    return [new Uint8Array(length.buffer), file]
  })
  const script = fileURLToPath(new URL('rust_verdicts.py', import.meta.url))
  const lines = execFileSync(python, [script], { input: joined(pieces), maxBuffer: 2 ** 30, encoding: 'utf8' })
  return lines
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Tensors | null)
}

/** What this library makes of a file: its tensors, or its refusal. */
export async function ownVerdict(file: Uint8Array): Promise<Tensors | MedAwareError> {
  try {
    const reader = await openSafetensors(bytesSource(file, 'f'))
    const rows = reader.names.map(async (name) => {
      const { dtype, shape } = reader.info(name)
      return [name, dtype, shape, Buffer.from(await reader.readBytes(name)).toString('hex')] as const
    })
    return (await Promise.all(rows)).sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  } catch (error) {
    if (error instanceof MedAwareError) return error
    throw error
  }
}

/** What this library refuses on purpose although the Rust library takes it, by its words. */
const onPurpose: readonly (readonly [string, RegExp])[] = [
  ['a key twice', /appears twice in one object$/],
  ['a dtype that is not read', /: dtype (U16|F8_E4M3) cannot be read$/],
  ['a list in place of a tensor’s object', /: must be an object with dtype, shape and data_offsets$/],
  ['an object in place of a dtype', /: unknown dtype \{/],
  ['a size beyond 2^53 beside a zero', /: shape \[[\d,]*\] overflows$/],
  ['over 1024 dimensions', /: shape must be a list of at most 1024 sizes, got \[\d/],
]

/** Names the difference where it is meant. */
export function isMeant(refusal: MedAwareError): string | undefined {
  return onPurpose.find(([, words]) => words.test(refusal.message))?.[0]
}
