import { openFixture } from '../../../fixtures/open-fixture.ts'

/** What make_data_starts.py started a model of test/fixtures from. */
export async function startBatches(model = 'tiny-falcon-rw') {
  const file = await openFixture(`${model}/starts/batches.safetensors`)
  const read = async (n: number) => ({
    inputIds: (await file.read(`input_ids.${n}`)) as Int32Array,
    shape: [4, 12] as const,
    attentionMask: Uint8Array.from((await file.read(`attention_mask.${n}`)) as Int32Array),
    labels: (await file.read(`labels.${n}`)) as Int32Array,
  })
  return [await read(0), await read(1), await read(2)] as const
}
