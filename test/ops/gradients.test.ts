import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { openCpuDevice } from '../../src/device/cpu/cpu-device.ts'
import { kernels } from '../../src/device/register/kernels.ts'
import { formulaCases } from '../device/cases/index.ts'
import { testDevices } from '../device/devices.ts'
import { checkGradients, expectedOf } from './gradient-check.ts'
import { opCases } from './op-cases.ts'

const devices = await testDevices()
afterAll(() => devices.forEach((device) => device.dispose()))

const cases = opCases.map((one) => ({ ...one, expected: expectedOf(one) }))

describe.each(cases)('$op, $title', ({ expected, ...one }) => {
  it.each(devices)('gives the output and the gradients of the formula on $description', async (device) => {
    await checkGradients(device, one, expected)
  })
})

it('every exported function of src/ops that records a rule has a case', async () => {
  const folder = join(import.meta.dirname, '../../src/ops')
  const recording: string[] = []
  for (const file of await readdir(folder, { recursive: true })) {
    if (!file.endsWith('.ts')) continue
    const [, ...functions] = (await readFile(join(folder, file), 'utf8')).split(/^export function /m)
    recording.push(
      ...functions.filter((text) => /\brecord\(/.test(text)).map((text) => text.slice(0, text.indexOf('('))),
    )
  }
  expect([...new Set(opCases.map(({ op }) => op))].sort()).toEqual(recording.sort())
})

it('every kernel answers to numbers from outside: in a case of its own, or in those of an op', async () => {
  const device = await openCpuDevice({ threads: 1, profile: true })
  for (const { expected, ...one } of cases) await checkGradients(device, one, expected)
  const run = device.profile?.costs().map(({ name }) => name) ?? []
  device.dispose()
  const answered = new Set<string>([...run, ...formulaCases.map(({ kernel }) => kernel)])
  expect(Object.keys(kernels).filter((name) => !answered.has(name))).toEqual([])
})
