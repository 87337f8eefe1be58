import config from 'peft-medaware-small-base/config.json?url'
import model from 'peft-medaware-small-base/model.safetensors?url'
import tokenizer from 'peft-medaware-small-base/tokenizer.json?url'
import tokenizerConfig from 'peft-medaware-small-base/tokenizer_config.json?url'

const addresses = {
  'config.json': config,
  'model.safetensors': model,
  'tokenizer.json': tokenizer,
  'tokenizer_config.json': tokenizerConfig,
}

/** The files of the small model, which Vite serves with the page. */
export function fetchSmallBase(): Promise<File[]> {
  return Promise.all(
    Object.entries(addresses).map(async ([name, address]) => {
      const answer = await fetch(address)
      if (!answer.ok) throw new Error(`${name} is not served here (${answer.status})`)
      return new File([await answer.blob()], name)
    }),
  )
}
