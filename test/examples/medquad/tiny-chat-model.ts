import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { saveTinyLlama } from '../browser/tiny-llama.ts'

/** SmolLM2-Instruct's own. */
const chatTemplate =
  "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\n" +
  "You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}" +
  "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"

/** Saves a model with random weights that is asked in conversation, turns ending in `<|im_end|>`. */
export async function saveTinyChatModel(folder: string): Promise<void> {
  await saveTinyLlama(folder)
  const path = join(folder, 'tokenizer.json')
  const tokenizer = JSON.parse(await readFile(path, 'utf8')) as { added_tokens: object[] }
  for (const [i, content] of ['<|im_start|>', '<|im_end|>'].entries()) {
    tokenizer.added_tokens.push({ ...tokenizer.added_tokens[0], id: 302 + i, content })
  }
  await writeFile(path, JSON.stringify(tokenizer))
  const config = { tokenizer_class: 'PreTrainedTokenizerFast', eos_token: '<|im_end|>', chat_template: chatTemplate }
  await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify(config))
}
