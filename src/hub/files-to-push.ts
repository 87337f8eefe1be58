/** Files of an adapter that are made to be shared: PEFT's own, its card, and figures without the texts behind them. */
const adapterFiles = /^(adapter_config\.json|adapter_model\.safetensors)$/
/** The same of a whole model. */
const modelFiles =
  /^(config\.json|generation_config\.json|model(-\d{5}-of-\d{5})?\.safetensors|model\.safetensors\.index\.json|[^/]+\.gguf)$/
const tokenizerFiles =
  /^(tokenizer\.json|tokenizer_config\.json|special_tokens_map\.json|added_tokens\.json|vocab\.(json|txt)|merges\.txt|tokenizer\.model|chat_template\.(jinja|json))$/
const papers = /^(README\.md|LICEN[CS]E(\.(md|txt))?|NOTICE(\.(md|txt))?)$/i
const figures = /^(report\.html|summary\.json|(eval|all|test)_results\.json|evaluation[\w.-]*\.json)$/

/** What a folder holds that can be pushed. */
export type PushKind = 'adapter' | 'model'

/** Whether a file is pushed without being asked for: by name, so that nothing private goes along unseen. */
export function isShared(fileName: string, kind: PushKind): boolean {
  const own = kind === 'adapter' ? adapterFiles : modelFiles
  return [own, tokenizerFiles, papers, figures].some((pattern) => pattern.test(fileName))
}

/** Whether a file has weights of a model. */
export function isWeights(fileName: string): boolean {
  return modelFiles.test(fileName) && /\.(safetensors|gguf)$/.test(fileName)
}

/** Whether a name leads to a file below a folder, and not out of it or into its git. */
export function isPlainPath(fileName: string): boolean {
  return fileName.split('/').every((part) => !/^\.*$|[\\\p{Cc}]/u.test(part) && part !== '.git')
}
