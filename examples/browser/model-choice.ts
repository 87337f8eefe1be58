import { find, input } from './find.ts'
import type { ModelKind } from './settings/setting-rows.ts'
import { fetchSmallBase } from './small-base.ts'

/** The model that is chosen in the page. */
export interface ModelChoice {
  readonly name: string
  /** Gives what `loadModel` takes; null where its files are still to be chosen. */
  readonly source: (() => Promise<string | readonly File[]>) | null
  /** What settings suit it. */
  readonly kind: ModelKind
}

/** The recipe of the small base, and what docs/adapters.md advises for others. */
const small: ModelKind = { learningRate: 0.004, targetModules: 'attention' }
const large: ModelKind = { learningRate: 0.0002, targetModules: 'all-linear' }
const onHub: Readonly<Record<'smollm2' | 'qwen3', ModelKind>> = {
  smollm2: { ...large, learningRate: 0.0005 },
  qwen3: large,
}

/** The fields that take a folder, and a file. */
export const pickers = () => [input('folder'), input('gguf')]

/** Reads the choice, and shows the fields that belong to it. */
export function chosenModel(): ModelChoice {
  const isOwn = input('large').checked
  find('folder-field', HTMLElement).hidden = !isOwn
  if (input('small').checked) return { name: 'examples/medquad/base', source: fetchSmallBase, kind: small }
  const named = (['smollm2', 'qwen3'] as const).find((id) => input(id).checked)
  if (named !== undefined) {
    const name = input(named).value
    return { name, source: async () => name, kind: onHub[named] }
  }
  const files = pickers().flatMap((picker) => [...(picker.files ?? [])])
  const [first] = files
  const [folder = ''] = first?.webkitRelativePath.split('/') ?? []
  const name = folder || first?.name || 'the chosen files'
  return { name, source: first === undefined ? null : async () => files, kind: large }
}
