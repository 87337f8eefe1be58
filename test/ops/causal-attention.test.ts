import { afterAll, beforeEach, expect, it } from 'vitest'
import { Tape } from '../../src/autograd/tape.ts'
import { openCpuDevice } from '../../src/device/cpu.ts'
import { causalAttention } from '../../src/ops/causal-attention.ts'
import { fromArray } from '../../src/tensor/tensor.ts'
import { normals } from '../device/kernel-case.ts'

const device = await openCpuDevice({ profile: true })
afterAll(() => device.dispose())
beforeEach(() => device.profile?.reset())

const [batch, tokens, heads, kvHeads, dim] = [2, 9, 4, 2, 8]
const layout = { heads, kvHeads, dim }
const rotary = fromArray(device, normals(tokens * dim), [tokens * dim], 'rotary')

function rowsOf(width: number) {
  const rows = fromArray(device, normals(batch * tokens * width * dim), [batch, tokens, width * dim], 'rows')
  rows.requiresGrad = true
  return rows
}

/** How often each kernel ran. */
function calls(): Readonly<Record<string, number>> {
  return Object.fromEntries(device.profile?.costs().map(({ name, calls }) => [name, calls]) ?? [])
}

const attention = { attention: 1, attentionBackwardQuery: 1, attentionBackwardKey: 1 }
it.each([
  ['fused rows as they lie', true, null, attention],
  ['fused rows by head where they are turned', true, rotary, { splitHeads: 1, ...attention, joinHeads: 1 }],
  ['rows apart by head', false, null, { rowsToHeads: 3, ...attention, headsToRows: 3 }],
])('reads %s', (_, isFused, angles, expected) => {
  const rows = isFused ? rowsOf(heads + 2 * kvHeads) : { q: rowsOf(heads), k: rowsOf(kvHeads), v: rowsOf(kvHeads) }
  const inputs = 'q' in rows ? [rows.q, rows.k, rows.v] : [rows]
  const dOut = fromArray(device, normals(batch * tokens * heads * dim), [batch, tokens, heads * dim], 'dOut')
  const before = device.memory.liveBuffers
  const tape = new Tape()
  const out = Tape.during(tape, () => causalAttention(rows, { ...layout, rotary: angles }))
  const gradients = tape.backward(out, dOut, new Set(inputs), new Set())
  expect(calls()).toEqual(expected)
  // All is freed but the gradients.
  expect(device.memory.liveBuffers).toBe(before + inputs.length)
  expect(inputs.map((input) => gradients.get(input)?.shape)).toEqual(inputs.map(({ shape }) => shape))
})
