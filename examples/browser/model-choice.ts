import { find, input } from './find.ts'
import { fetchSmallBase } from './small-base.ts'

/** The model that is chosen in the page. */
export interface ModelChoice {
  readonly name: string
  /** Gives what `loadModel` takes; null where its files are still to be chosen. */
  readonly source: (() => Promise<string | readonly File[]>) | null
  /** Whether it has to be fetched, and says what it takes before. */
  readonly isOnHub: boolean
}

/** The fields that take a folder, and a file. */
export const pickers = () => [input('folder'), input('gguf')]

/** Reads the choice, and shows the fields that belong to it. */
export function chosenModel(): ModelChoice {
  const isOwn = input('large').checked
  find('folder-field', HTMLElement).hidden = !isOwn
  if (input('small').checked) return { name: 'examples/medquad/base', source: fetchSmallBase, isOnHub: false }
  if (!isOwn) {
    const name = (['smollm2', 'qwen3'] as const).map(input).find(({ checked }) => checked)?.value ?? ''
    return { name, source: async () => name, isOnHub: true }
  }
  const files = pickers().flatMap((picker) => [...(picker.files ?? [])])
  const [first] = files
  const [folder = ''] = first?.webkitRelativePath.split('/') ?? []
  const name = folder || first?.name || 'the chosen files'
  return { name, source: first === undefined ? null : async () => files, isOnHub: false }
}
