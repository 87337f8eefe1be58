import { createInterface } from 'node:readline'
import { applyChatTemplate, generateText, loadModel, openAdapter, openDevice, ProgressLine } from 'peft-medaware'
import { settings } from './settings.js'

const line = new ProgressLine(process.stderr)
const told = { onWarning: line.warn }
const { device } = await openDevice()
const { model, tokenizer } = await loadModel(settings.model, {
  ...told,
  device,
  quantize: { type: 'nf4' },
  onProgress: line.load,
})
if (tokenizer === null) throw new Error(`${settings.model} has no tokenizer`)
await openAdapter(model, settings.adapter, { ...told, device })
line.clear()

const terminal = createInterface({ input: process.stdin, output: process.stderr, prompt: '> ' })
terminal.prompt()
for await (const question of terminal) {
  if (question.trim() === '') break
  const options = { maxNewTokens: 128, doSample: false }
  for await (const piece of generateText(model, tokenizer, await promptOf(question), options)) {
    process.stdout.write(piece)
  }
  process.stdout.write('\n\n')
  terminal.prompt()
}
terminal.close()
device.dispose()

/**
 * What the model reads: by its chat template, or as rows of question and answer are trained on without one.
 * @param {string} question
 */
async function promptOf(question) {
  if (!tokenizer?.chatTemplate) return `Question: ${question}\nAnswer:`
  const messages = [{ role: 'user', content: question }]
  const text = await applyChatTemplate(tokenizer, messages, { addGenerationPrompt: true })
  return tokenizer.encode(text, { addSpecialTokens: false })
}
