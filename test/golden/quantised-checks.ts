import type { Device } from '../../src/device/device.ts'
import { fourBitFromStored, quantizeFourBit } from '../../src/formats/four-bit/quantize-four-bit.ts'
import { dequantize } from '../../src/ops/dequantize.ts'
import { dequantizeInt8, quantizeInt8 } from '../../src/quant/int8.ts'
import * as plain from '../../src/quant/four-bit.ts'
import { quantizeAbsmax } from '../../src/quant/double-quant.ts'
import type { TensorReader } from '../../src/safetensors/reader.ts'
import { fromArray } from '../../src/tensor/tensor.ts'
import { equal, largestMagnitude, within, type Check } from './check.ts'

const formats = [
  { type: 'nf4', doubleQuant: false },
  { type: 'nf4', doubleQuant: true },
  { type: 'fp4', doubleQuant: false },
  { type: 'fp4', doubleQuant: true },
] as const

/** bitsandbytes' blockwise storage: on plain arrays once, and by the kernels of a device. */
export async function* quantisedChecks(reader: TensorReader, device: Device | null): AsyncGenerator<Check> {
  const inputs = reader.names
    .filter((name) => name.endsWith('.input') && name !== 'int8.input')
    .map((name) => name.slice(0, -6))
  for (const input of inputs.sort()) {
    for (const format of formats)
      yield* device === null ? plainChecks(reader, input, format) : kernelChecks(reader, input, format, device)
  }
  if (device === null) yield* int8Checks(reader)
}

type Format = (typeof formats)[number]
const keyOf = (input: string, { type, doubleQuant }: Format) => `${input}.${type}${doubleQuant ? '-dq' : ''}`

async function* plainChecks(reader: TensorReader, input: string, format: Format): AsyncGenerator<Check> {
  const key = keyOf(input, format)
  const { codes, absmax } = plain.quantizeFourBit(await reader.readF32(`${input}.input`), { type: format.type })
  yield equal(`${key} codes`, codes, await reader.readBytes(`${key}.packed`))
  if (!format.doubleQuant) yield equal(`${key} absmax`, absmax, await reader.readF32(`${key}.absmax`))
  else {
    const nested = quantizeAbsmax(absmax)
    yield equal(`${key} absmax codes (±1)`, nested.codes, await reader.readBytes(`${key}.absmax`), 1)
    yield within(`${key} offset`, [nested.offset], await reader.readF32(`${key}.offset`), 1e-6 * nested.offset)
  }
}

async function* kernelChecks(
  reader: TensorReader,
  input: string,
  format: Format,
  device: Device,
): AsyncGenerator<Check> {
  const key = keyOf(input, format)
  const { shape } = reader.info(`${input}.input`)
  const scope = device.memory.open()
  try {
    const values = await reader.readF32(`${input}.input`)
    const quantised = quantizeFourBit(fromArray(device, values, shape, input), format)
    const codes = await reader.readBytes(`${key}.packed`)
    yield equal(`${key} codes`, await quantised.parts.codes.readBytes(), codes)
    const absmax = await quantised.parts.absmax.readBytes()
    const storedAbsmax = (await reader.readBytes(`${key}.absmax`)).slice()
    if (format.doubleQuant) yield equal(`${key} absmax codes (±1)`, absmax, storedAbsmax, 1)
    else yield equal(`${key} absmax`, absmax, storedAbsmax)
    const nested = format.doubleQuant && {
      nested: {
        absmax: await reader.readF32(`${key}.nested_absmax`),
        offset: (await reader.readF32(`${key}.offset`))[0] ?? NaN,
      },
    }
    const stored = {
      type: format.type,
      blockSize: 64,
      codes: codes.slice(),
      absmax: format.doubleQuant ? storedAbsmax : new Float32Array(storedAbsmax.buffer),
      ...nested,
    }
    const decoded = await dequantize(fourBitFromStored(device, shape, stored)).read()
    const expected = await reader.readF32(`${key}.dequantised`)
    const largest = largestMagnitude(expected)
    yield within(`${key} dequantised`, decoded, expected, format.doubleQuant ? 1e-6 * largest : 0)
  } finally {
    scope.close()
  }
}

async function* int8Checks(reader: TensorReader): AsyncGenerator<Check> {
  const [rows = 0, columns = 0] = reader.info('int8.input').shape
  const quantised = quantizeInt8(await reader.readF32('int8.input'), rows, columns)
  yield equal('int8 rows', quantised.codes, (await reader.read('int8.CB')) as Int8Array)
  yield equal('int8 scales', quantised.scale, await reader.readF32('int8.SCB'))
  const decoded = dequantizeInt8(quantised)
  const bound = largestMagnitude(quantised.scale) / 127
  yield within('int8 dequantised', decoded, await reader.readF32('int8.input'), bound)
}
