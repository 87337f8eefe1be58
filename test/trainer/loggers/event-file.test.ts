import { expect, test } from 'vitest'
import { joined } from '../../../src/core/bytes.ts'
import { eventRecord } from '../../../src/trainer/loggers/event-file.ts'

test('records are those that TensorBoard writes', () => {
  const wallTime = 1700000000.25
  const records = joined([
    eventRecord({ wallTime, fileVersion: 'brain.Event:2' }),
    eventRecord({ wallTime, step: 300, scalars: { 'train/loss': 0.1, 'eval/loss': 2.25 } }),
  ])
  // tensorboard 2.21: RecordWriter over Event(wall_time, file_version) and Event(wall_time, step, summary).
  const theirs =
    '1800000000000000a37f4b220900001040fc54d9411a0d627261696e2e4576656e743a32338d2fe9' +
    '33000000000000000ca720560900001040fc54d94110ac022a250a110a0a747261696e2f6c6f737315cdcccc3d' +
    '0a100a096576616c2f6c6f7373150000104017348d0c'
  expect(Buffer.from(records).toString('hex')).toBe(theirs)
})
