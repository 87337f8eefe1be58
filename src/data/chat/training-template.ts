import { check } from '../../core/errors.ts'
import { hashText } from '../../core/hash.ts'
import { hasGenerationMarkers } from './chat-template.ts'
import { markChatMl } from './mark-chatml.ts'

/**
 * Templates for training, by the hash of the original that they take the place of: they write the same, and say which
 * of it the assistant's is. TRL 1.16's, without those for images and for architectures that there are not; Llama 3.1
 * and 3.2 have none there.
 */
const templates: Readonly<Record<string, () => Promise<{ readonly template: string }>>> = {
  a62f1b7e1e03af33: () => import('./templates/cohere.ts'),
  '079eb99ad7b09727': () => import('./templates/cohere2.ts'),
  '0f228a21e30e94a1': () => import('./templates/deepseek-r1-distill.ts'),
  '08d74759101b3590': () => import('./templates/deepseekv3.ts'),
  '4c0a851676ad733c': () => import('./templates/gemma.ts'),
  '16d9b33b654cedcd': () => import('./templates/gemma3.ts'),
  '6e011579a807fb70': () => import('./templates/glm4moe.ts'),
  e6acbc7df1fc2251: () => import('./templates/lfm2.ts'),
  '33adc869549d2761': () => import('./templates/lfm2-v2.ts'),
  '87c12a9bf325dada': () => import('./templates/llama3.ts'),
  add4dca46f4b89a1: () => import('./templates/llama3-1.ts'),
  f07e2a052653b6b7: () => import('./templates/llama3-2.ts'),
  ee6a093220b7147c: () => import('./templates/phi3.ts'),
  '494cb47cdda5313d': () => import('./templates/phi3-5.ts'),
  '7a0ddab35e5072c6': () => import('./templates/qwen2-5.ts'),
  '39b5d690f5389886': () => import('./templates/qwen3.ts'),
  b452ccccd260d767: () => import('./templates/qwen3-instruct-2507.ts'),
}

/**
 * The template to learn from just the assistant's own text with: the given one where it says which that is by
 * `{% generation %}`, else a variant of it that does (TRL 1.16, get_training_chat_template).
 * @throws MedAwareError `config` where there is none.
 */
export async function trainingTemplate(who: string, template: string): Promise<string> {
  if (hasGenerationMarkers(template)) return template
  const marked = markChatMl(template)
  if (marked !== null) return marked
  const variant = templates[hashText(template)]
  check(variant !== undefined, 'config', () => {
    return (
      `${who}: assistantOnlyLoss needs a chat template that says which of the text the assistant's is, and there is no ` +
      'known variant of this one that does; write {% generation %} and {% endgeneration %} around it, and give that as chatTemplate'
    )
  })
  return (await variant()).template
}
