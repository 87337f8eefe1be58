import { afterAll, beforeEach, expect, it } from 'vitest'
import { Tape } from '../../src/autograd/tape.ts'
import { openCpuDevice } from '../../src/device/cpu/cpu-device.ts'
import { attention, type KeyValueCache } from '../../src/ops/attention.ts'
import { fromArray, reshaped, zeros } from '../../src/tensor/tensor.ts'
import { normals, seedDraws } from '../device/kernel-case.ts'

seedDraws('attention')

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

const three = { attention: 1, attentionBackwardQuery: 1, attentionBackwardKey: 1 }
it.each([
  ['fused rows as they lie', true, null, three],
  ['fused rows by head where they are turned', true, rotary, { splitHeads: 1, ...three, joinHeads: 1 }],
  ['rows apart by head', false, null, { rowsToHeads: 3, ...three, headsToRows: 3 }],
])('reads %s', (_, isFused, angles, expected) => {
  const rows = isFused ? rowsOf(heads + 2 * kvHeads) : { q: rowsOf(heads), k: rowsOf(kvHeads), v: rowsOf(kvHeads) }
  const inputs = 'q' in rows ? [rows.q, rows.k, rows.v] : [rows]
  const dOut = fromArray(device, normals(batch * tokens * heads * dim), [batch, tokens, heads * dim], 'dOut')
  const before = device.memory.liveBuffers
  const tape = new Tape()
  const out = Tape.during(tape, () => attention(rows, layout, { rotary: angles }))
  const gradients = tape.backward(out, dOut, new Set(inputs), new Set())
  expect(calls()).toEqual(expected)
  // All is freed but the gradients.
  expect(device.memory.liveBuffers).toBe(before + inputs.length)
  expect(inputs.map((input) => gradients.get(input)?.shape)).toEqual(inputs.map(({ shape }) => shape))
})

it('refuses before anything is written to a cache', async () => {
  const held = [batch, kvHeads, 12, dim]
  const [k, v] = [fromArray(device, normals(batch * kvHeads * 12 * dim), held, 'k'), zeros(device, held, 'v')]
  const before = await k.read()
  const rows = fromArray(device, normals(batch * tokens * 8 * dim), [batch, tokens, 8 * dim], 'rows')
  const call = (cache: KeyValueCache, given = rows) => attention(given, layout, { cache })
  const refusals: readonly (readonly [string, string, () => unknown])[] = [
    ['unsupported', 'no gradient goes through a cache', () => call({ k, v, length: 0 }, rowsOf(8))],
    ['shape', '13 tokens do not fit a cache of 12; make a larger one', () => call({ k, v, length: 4 })],
    ['shape', 'a cache holds a whole number of tokens, not -1', () => call({ k, v, length: -1 })],
    ['shape', 'a cache holds a whole number of tokens, not 0.5', () => call({ k, v, length: 0.5 })],
    [
      'shape',
      'a cache of k [2,2,12,8] and v [2,2,6,16] does not fit 2 rows of 2 heads of 8',
      () => call({ k, v: reshaped(v, [2, 2, 6, 16]), length: 0 }),
    ],
  ]
  for (const [code, rule, act] of refusals) {
    const { liveBytes } = device.memory
    expect(() => device.memory.scoped((): unknown => act())).toThrow(
      expect.objectContaining({ code, message: `attention: ${rule}` }),
    )
    expect(device.memory.liveBytes).toBe(liveBytes)
    expect(await k.read()).toEqual(before)
  }
  expect(calls()).toEqual({ fill: 1 })
})

it('refuses rows of different lengths', () => {
  const [q, k] = [rowsOf(heads), fromArray(device, normals(batch * 3 * kvHeads * dim), [batch, 3, kvHeads * dim], 'k')]
  expect(() => attention({ q, k, v: rowsOf(kvHeads) }, layout)).toThrow(
    'attention: rows must be [b, t, c] with one b and t, got [2,9,32], [2,3,16], [2,9,16]',
  )
})
