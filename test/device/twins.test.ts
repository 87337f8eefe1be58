import { expect, it } from 'vitest'
import { differenceOf } from '../../kernels/signature.ts'
import { openEngine } from '../../src/device/cpu/engine.ts'
import { cpuBuilds } from '../../src/device/cpu/module.ts'
import { twinsOf } from '../../src/device/cpu/twins.ts'
import { type KernelName, kernels } from '../../src/device/register/kernels.ts'
import { rowOf } from '../../src/device/row-of.ts'

const names = Object.keys(kernels) as KernelName[]

/** A function that takes so many numbers. */
function taking(length: number): () => void {
  return Object.defineProperty(() => undefined, 'length', { value: length })
}

/** What a module exports, but for what is changed. */
function exported(changed: Readonly<Record<string, unknown>>): WebAssembly.Exports {
  const twins = names.map((name) => {
    const { reads, writes, params } = rowOf(name)
    return [name, taking(reads.length + writes.length + Object.keys(params).length + 2)] as const
  })
  const rest = { heapBase: taking(0), scratchBytes: taking(0), beginJob: taking(0), setScratch: taking(2) }
  return { ...rest, ...Object.fromEntries(twins), ...changed }
}

it.each(cpuBuilds())('an engine of the %s build has a twin for every row', async (build) => {
  const { kernels: twins } = await openEngine(build, 1)
  expect([...twins.keys()]).toEqual(names)
})

it('a module whose kernels take what their rows say is taken', () => {
  expect(twinsOf(exported({})).kernels.size).toBe(names.length)
})

it.each([
  [
    'one number too few',
    { gelu: taking(4) },
    'the twin of gelu takes 4 numbers, its row says 5 (x, out, count, begin, end)',
  ],
  [
    'one too many',
    { add: taking(8) },
    'the twin of add takes 8 numbers, its row says 7 (a, b, out, count, alpha, begin, end)',
  ],
  ['no such kernel', { fill: undefined }, 'the module has no fill'],
])('a module is refused for a kernel with %s', (_, changed, sentence) => {
  expect(() => twinsOf(exported(changed))).toThrow(
    expect.objectContaining({
      code: 'device',
      message: `cpu: ${sentence}; build the kernels from the register that is in use`,
    }),
  )
})

const row = { reads: ['x'], writes: ['out'], params: { count: 'u32', alpha: 'f32' } } as const
const text = (signature: string) => `import { a } from './b'\n\nexport function double(${signature}): void {\n}\n`
const right = 'x: usize, out: usize, count: u32, alpha: f32, begin: u32, end: u32'

it.each([
  ['what its row says', right, null],
  [
    'the same in lines, unused ones marked',
    `\n  ${right.replaceAll(', ', ',\n  ').replace('count', '_count')},\n`,
    null,
  ],
  [
    'a factor as a whole number',
    right.replace('f32', 'u32'),
    'number 4 that its CPU twin takes is alpha: u32, its row says alpha: f32',
  ],
  [
    'bindings in another order',
    right.replace('x: usize, out: usize', 'out: usize, x: usize'),
    'number 1 that its CPU twin takes is out: usize, its row says x: usize',
  ],
  ['no end', right.replace(', end: u32', ''), 'number 6 that its CPU twin takes is missing, its row says end: u32'],
  ['one more', `${right}, seed: u32`, 'number 7 that its CPU twin takes is seed: u32, its row says nothing'],
])('the build tells a twin that takes %s', (_, signature, sentence) => {
  const said = differenceOf('double', row, text(signature))
  expect(said).toBe(sentence && `double: ${sentence}; the order is reads, writes, params, begin, end`)
})

it('the build tells a row without a twin', () => {
  expect(differenceOf('double', row, undefined)).toMatch(/^double has a row and no CPU twin/)
  expect(differenceOf('double', row, 'export function other(): void {}')).toMatch(/exports no function double$/)
})
