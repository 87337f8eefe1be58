/** The small Falcon-RW of the recipe, by the addresses under which the page serves it. */
const addresses = {
  'config.json': new URL('../medquad/base/config.json', import.meta.url),
  'model.safetensors': new URL('../medquad/base/model.safetensors', import.meta.url),
  'tokenizer.json': new URL('../medquad/base/tokenizer.json', import.meta.url),
  'tokenizer_config.json': new URL('../medquad/base/tokenizer_config.json', import.meta.url),
}

/** Its files, as if they had been chosen from a folder. */
export function fetchSmallBase(): Promise<File[]> {
  return Promise.all(
    Object.entries(addresses).map(async ([name, address]) => {
      const answer = await fetch(address)
      if (!answer.ok) throw new Error(`${name} of the small model is not served here (${answer.status})`)
      return new File([await answer.blob()], name)
    }),
  )
}
