import { collate, type Example } from '../models/example.ts'

/** Examples that come one after another as padded batches, in their order. @param size Examples of a batch. */
export async function* exampleBatches(examples: AsyncIterable<Example>, size: number) {
  let some: Example[] = []
  for await (const example of examples) {
    some.push(example)
    if (some.length < size) continue
    yield batchOf(some)
    some = []
  }
  if (some.length > 0) yield batchOf(some)
}

function batchOf(examples: readonly Example[]) {
  const { batch, labels } = collate(examples)
  return { ...batch, labels }
}
