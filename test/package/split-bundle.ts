import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { build, type Metafile } from 'esbuild'

/** What a page is that opens a device, loads a model and generates. */
const page = `
import { openDevice, loadModel, generateText } from 'peft-medaware'
globalThis.main = async (source, prompt) => {
  const { device } = await openDevice()
  const { model, tokenizer } = await loadModel(source, { device })
  return generateText(model, tokenizer, prompt)
}
`

/** Bytes of JavaScript, minified and gzipped. */
export interface Weight {
  readonly bytes: number
  readonly gzipped: number
}

/** What a bundle for browsers weighs, divided as a bundler divides it. */
export interface SplitWeights {
  /** What the page loads at once. */
  readonly start: Weight
  /** With what follows on an adapter in hardware that was used before. */
  readonly onHardware: Weight
  /** With what follows where the CPU engine is taken, on several threads. */
  readonly onCpu: Weight
  readonly all: Weight
  /** What the page loads at once, as text. */
  readonly startText: string
}

/** Bundles such a page, which finds the package from the folder `from`. */
export async function splitWeights(from: string): Promise<SplitWeights> {
  const { metafile, outputFiles } = await build({
    stdin: { contents: page, resolveDir: from },
    ...{ bundle: true, splitting: true, write: false, minify: true, metafile: true },
    ...{ format: 'esm', platform: 'browser', target: 'es2022', outdir: path.join(from, 'out'), logLevel: 'silent' },
  })
  const texts = new Map(outputFiles.map((file) => [path.basename(file.path), file.text]))
  const entry = Object.entries(metafile.outputs).find(([, output]) => output.entryPoint === '<stdin>')?.[0] ?? ''
  const start = reachedFrom(entry, metafile)
  const having = (mark: RegExp) => [...texts.keys()].filter((name) => mark.test(name))
  const weigh = (names: Iterable<string>): Weight => {
    const files = [...new Set(names)].map((name) => texts.get(name) ?? '')
    const sum = (of: (text: string) => number) => files.reduce((total, text) => total + of(text), 0)
    return { bytes: sum((text) => Buffer.byteLength(text)), gzipped: sum((text) => gzipSync(text).length) }
  }
  return {
    start: weigh(start),
    onHardware: weigh([...start, ...having(/^wgsl\.generated/)]),
    onCpu: weigh([...start, ...having(/^(wasm-relaxed|worker-script)\.generated/)]),
    all: weigh(texts.keys()),
    startText: start.map((name) => texts.get(name)).join('\n'),
  }
}

/** Names of the outputs that are loaded with one: itself, and what it imports at once. */
function reachedFrom(entry: string, { outputs }: Metafile): string[] {
  const reached = new Set([entry])
  for (const name of reached) {
    for (const each of outputs[name]?.imports ?? []) if (each.kind !== 'dynamic-import') reached.add(each.path)
  }
  return [...reached].map((name) => path.basename(name))
}
