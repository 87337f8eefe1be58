import { joined } from '../../core/bytes.ts'
import { crc32c } from '../../core/crc32c.ts'

/** A TensorBoard event, as tensorboard/compat/proto/event.proto has it: scalars by tag, or the file's version. */
export interface ScalarEvent {
  /** Seconds since 1970. */
  readonly wallTime: number
  readonly step?: number
  readonly fileVersion?: string
  readonly scalars?: Readonly<Record<string, number>>
}

/** An event as a record of an event file: TFRecord's frame around its protocol buffer. */
export function eventRecord(event: ScalarEvent): Uint8Array {
  const data = encodeEvent(event)
  const record = new Uint8Array(16 + data.length)
  const view = new DataView(record.buffer)
  view.setBigUint64(0, BigInt(data.length), true)
  view.setUint32(8, maskedSum(record.subarray(0, 8)), true)
  record.set(data, 12)
  view.setUint32(12 + data.length, maskedSum(data), true)
  return record
}

/** The check sum of TFRecord, which is masked since records may hold sums. */
export function maskedSum(bytes: Uint8Array): number {
  const sum = crc32c(bytes)
  return (((sum >>> 15) | (sum << 17)) + 0xa282ead8) >>> 0
}

function encodeEvent({ wallTime, step, fileVersion, scalars = {} }: ScalarEvent): Uint8Array {
  const values = Object.entries(scalars).map(([tag, value]) => {
    return lengthDelimited(1, [lengthDelimited(1, [utf8(tag)]), float(2, value)])
  })
  return joined([
    double(1, wallTime),
    ...(step === undefined ? [] : [key(2, 0), varint(step)]),
    ...(fileVersion === undefined ? [] : [lengthDelimited(3, [utf8(fileVersion)])]),
    ...(values.length === 0 ? [] : [lengthDelimited(5, values)]),
  ])
}

function key(field: number, wireType: number): Uint8Array {
  return Uint8Array.of((field << 3) | wireType)
}

function varint(value: number): Uint8Array {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  return Uint8Array.from([...bytes, rest])
}

function double(field: number, value: number): Uint8Array {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setFloat64(0, value, true)
  return joined([key(field, 1), bytes])
}

function float(field: number, value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setFloat32(0, value, true)
  return joined([key(field, 5), bytes])
}

function lengthDelimited(field: number, parts: readonly Uint8Array[]): Uint8Array {
  const content = joined(parts)
  return joined([key(field, 2), varint(content.length), content])
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
