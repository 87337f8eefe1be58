import type { Pair } from '../../../../examples/try/train.ts'

/** The small Falcon of the recipe, by the addresses under which the site serves it: 2.6 MB in all. */
const addresses = {
  'config.json': new URL('../../../../examples/medquad/base/config.json', import.meta.url),
  'model.safetensors': new URL('../../../../examples/medquad/base/model.safetensors', import.meta.url),
  'tokenizer.json': new URL('../../../../examples/medquad/base/tokenizer.json', import.meta.url),
  'tokenizer_config.json': new URL('../../../../examples/medquad/base/tokenizer_config.json', import.meta.url),
}

const questions = new URL('../../../../examples/browser/sample.jsonl', import.meta.url)

/** Its files, as if they had been chosen from a folder. */
export function fetchSmallFalcon(): Promise<File[]> {
  return Promise.all(
    Object.entries(addresses).map(
      async ([name, address]) => new File([await (await fetched(name, address)).blob()], name),
    ),
  )
}

/** The questions and answers that come with the page of examples/browser. */
export async function fetchPairs(): Promise<Pair[]> {
  const text = await (await fetched('sample.jsonl', questions)).text()
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Pair)
}

async function fetched(name: string, address: URL): Promise<Response> {
  const answer = await fetch(address)
  if (!answer.ok) throw new Error(`${name} is not served here (${answer.status})`)
  return answer
}
