import { pageBundle, type Weight } from './page-bundle.ts'

/** What a page is that opens a device, loads a model and generates. */
const page = `
import { openDevice, loadModel, generateText } from 'peft-medaware'
globalThis.main = async (source, prompt) => {
  const { device } = await openDevice()
  const { model, tokenizer } = await loadModel(source, { device })
  return generateText(model, tokenizer, prompt)
}
`

/** What such a page loads. */
export interface PageSize {
  /** At once. */
  readonly start: Weight
  /** With what follows on an adapter in hardware that was used before. */
  readonly onHardware: Weight
  /** With what follows where the CPU engine is taken, on several threads. */
  readonly onCpu: Weight
}

/** Its size, and what it loads at once as text, by the package that is installed in the folder `from`. */
export async function pageSize(from: string): Promise<PageSize & { readonly startText: string }> {
  const { atOnce, textOf, weigh, weighStart } = await pageBundle(page, from)
  return {
    start: weighStart(),
    onHardware: weigh(atOnce(/^wgsl\.generated/)),
    onCpu: weigh(atOnce(/^(cpu-device|wasm-relaxed\.generated|worker-script\.generated)/)),
    startText: atOnce().map(textOf).join('\n'),
  }
}
