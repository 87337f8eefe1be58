import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { openBrowser } from '../../device/browser.ts'
import { type FakeHub, startFakeHub } from '../../io/huggingface/fake-hub.ts'
import { root } from '../../programs/run-program.ts'

/** A model that the page offers by this name; its files here are of another one. */
export const offered = 'HuggingFaceTB/SmolLM2-135M-Instruct'

/** A Chromium to which this machine is the Hugging Face Hub and its storage, under their own names. */
export async function openHubAndBrowser(
  files: Readonly<Record<string, Uint8Array>>,
): Promise<{ hub: FakeHub; browser: Browser }> {
  const [key = '', cert = ''] = await Promise.all(
    ['key.pem', 'cert.pem'].map((name) => readFile(join(root, 'test/fixtures/tls', name), 'utf8')),
  )
  const hub = await startFakeHub(files, {
    name: offered,
    pages: { key, cert, storage: 'https://cas-bridge.xethub.hf.co' },
  })
  const [here, storage] = [hub.endpoint, hub.storage].map((address) => new URL(address).host)
  const browser = await openBrowser([
    '--disable-gpu',
    `--host-resolver-rules=MAP huggingface.co ${here},MAP *.hf.co ${storage}`,
    // The certificate is nobody's.
    '--ignore-certificate-errors',
  ])
  return { hub, browser }
}
