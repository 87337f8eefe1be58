import { readdirSync, readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { create } from 'webgpu'
import { kernels, type KernelName } from '../../../src/device/register/kernels.ts'
import { rowOf } from '../../../src/device/row-of.ts'
import { loadTexts } from '../../../src/device/webgpu/programs/texts.ts'
import { variantsFor } from '../../../src/device/webgpu/programs/variants.ts'

const names = Object.keys(kernels) as KernelName[]
const variants = [true, false].flatMap((isSoftware) => variantsFor({ isSoftware, subgroupLanes: 8, hasMatrices: true }))
const texts = await loadTexts(true)

const folder = new URL('../../../kernels/', import.meta.url)
const files = readdirSync(folder, { encoding: 'utf8', recursive: true }).filter(
  (name) => name.endsWith('.wgsl') && !name.startsWith('parts'),
)
const kebab = (name: string) => `${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}.wgsl`
/** Words WGSL reserves, which get an underscore. */
const reserved = new Set(['target'])

/** Dawn's adapter that computes nothing: it checks texts as every other does, quickly, and has every feature. */
const nullGpu = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis'])
const matrices = 'chromium-experimental-subgroup-matrix'

let device: GPUDevice
beforeAll(async () => {
  const adapter = await nullGpu.requestAdapter()
  device = await adapter!.requestDevice({ requiredFeatures: ['subgroups', matrices as GPUFeatureName] })
})
afterAll(() => device.destroy())

it('has one WGSL file for each row of the register, and no other', () => {
  const expected = [...names, ...variants.map(({ text }) => text)].map(kebab)
  expect(files.map((name) => basename(name)).sort()).toEqual([...new Set(expected)].sort())
})

const programs = [
  ...names.map((name) => ({ file: name, kernel: name, sets: [rowOf(name).constants] })),
  ...[...new Set(variants.map(({ text }) => text))].map((file) => {
    const own = variants.filter(({ text }) => text === file)
    return { file, kernel: own[0]!.kernel, sets: own.map(({ constants }) => constants) }
  }),
]

describe.each(programs)('$file.wgsl', ({ file, kernel, sets }) => {
  const row = rowOf(kernel)
  const text = texts[file] ?? ''

  it('compiles alone with all its constants, without a warning', async () => {
    const module = device.createShaderModule({ label: file, code: text })
    const { messages } = await module.getCompilationInfo()
    // Its names are still being changed: browsers have the old ones only.
    const known = text.includes('enable chromium_experimental_subgroup_matrix;') ? /use of deprecated builtin/ : /^$/
    const unexpected = messages.filter(({ message }) => !known.test(message))
    expect(unexpected.map((message) => `${message.lineNum}: ${message.message}`)).toEqual([])
    for (const constants of sets) {
      device.pushErrorScope('validation')
      device.createComputePipeline({ label: file, layout: 'auto', compute: { module, constants } })
      expect((await device.popErrorScope())?.message ?? null).toBeNull()
    }
  })

  it('binds what the register says, in its order', () => {
    const bindings = [...text.matchAll(/@group\(0\) @binding\((\d+)\) var<(.*?)> (\w+): /g)].map(
      ([, at, access, variable = '']) => `${at} ${access} ${variable}`,
    )
    const spelt = (variable: string) => (reserved.has(variable) ? `${variable}_` : variable)
    expect(bindings).toEqual([
      '0 uniform params',
      ...row.reads.map((variable, i) => `${i + 1} storage, read ${spelt(variable)}`),
      ...row.writes.map((variable, i) => `${row.reads.length + i + 1} storage, read_write ${spelt(variable)}`),
    ])
    expect(bindings.length - 1).toBeLessThanOrEqual(8)
  })

  it('takes the parameters and constants of the register', () => {
    const struct = /struct Params \{\n([^}]*)\}/.exec(text)?.[1] ?? ''
    const fields = [...struct.matchAll(/(\w+): (\w+),/g)].map(([, field, type]) => [field, type])
    expect(fields).toEqual(Object.entries(row.params))
    const overrides = [...text.matchAll(/^override (\w+): u32 = (\d+);$/gm)].map(([, constant]) => constant)
    for (const constants of sets) expect(overrides).toEqual(Object.keys(constants))
  })

  it('has a header of at most eight lines', () => {
    const path = files.find((name) => basename(name) === kebab(file)) ?? ''
    const header = readFileSync(new URL(path, folder), 'utf8')
      .split('\n')
      .findIndex((line) => !line.startsWith('//'))
    expect(header).toBeGreaterThan(0)
    expect(header).toBeLessThanOrEqual(8)
  })
})

it('takes texts for software adapters to no other', async () => {
  const own = Object.keys(await loadTexts(false))
  const named = (isSoftware: boolean) => variants.filter(({ text }) => isSoftware === !own.includes(text))
  expect(named(true).map(({ text }) => text)).toContain('matmulBroadcast')
  const hardware = variantsFor({ isSoftware: false, subgroupLanes: 32, hasMatrices: true })
  expect([...names, ...hardware.map(({ text }) => text)].filter((text) => !own.includes(text))).toEqual([])
})
