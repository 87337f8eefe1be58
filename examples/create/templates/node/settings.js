import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of the small model that comes as a package. It is for trying things out, and knows nothing. */
const smallBase = dirname(fileURLToPath(import.meta.resolve('peft-medaware-small-base/package.json')))

/** What is trained, and how. */
export const settings = {
  // A folder, or a name on the Hugging Face Hub, such as 'HuggingFaceTB/SmolLM2-135M-Instruct', which is fetched once.
  model: smallBase,
  // Lines of {"question": "…", "answer": "…"}; or of messages, of prompt and completion, or of text.
  data: 'data.jsonl',
  // Where the adapter is saved, as Hugging Face's PEFT reads it.
  adapter: 'adapter',
  maxSteps: 80,
  batchSize: 8,
  // For the small model. For one of the Hub 2e-4 is usual.
  learningRate: 3e-3,
}
