import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openDevice, saveModel } from '../../../src/index.ts'
import { createModel, initialWeights, modelWeights, parseModelConfig } from '../../../src/models/index.ts'
import { root } from '../../programs/run-program.ts'

const config = {
  model_type: 'llama',
  vocab_size: 304,
  hidden_size: 32,
  intermediate_size: 64,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 512,
  tie_word_embeddings: true,
  bos_token_id: 0,
  eos_token_id: 0,
}

/**
 * Saves a model of Llama's architecture with random weights and a tokenizer into `folder`, as Hugging Face lays it out.
 * @param changes Of its config.
 */
export async function saveTinyLlama(folder: string, changes: Partial<typeof config> = {}): Promise<void> {
  const { device } = await openDevice({ device: 'cpu' })
  const parsed = parseModelConfig({ ...config, ...changes })
  await saveModel(createModel(parsed, initialWeights(device, modelWeights(parsed), 0.1, 0)), folder)
  device.dispose()
  for (const name of ['tokenizer.json', 'tokenizer_config.json']) {
    await copyFile(join(root, 'test/fixtures/tokenizer', name), join(folder, name))
  }
}
