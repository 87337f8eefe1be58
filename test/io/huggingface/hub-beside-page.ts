import { createHash } from 'node:crypto'
import type { Page } from 'playwright-core'
import { fakeCommit as commit } from './fake-hub.ts'

/**
 * A Hub at https://page.test/hub/ that a page and its workers reach, with the model `lab/tiny`; gives what it is asked
 * for.
 */
export async function serveHub(page: Page, files: Readonly<Record<string, Uint8Array>>): Promise<string[]> {
  const asked: string[] = []
  await page.route('https://page.test/hub/**', (route) => {
    const path = route.request().url().slice('https://page.test/hub/'.length)
    asked.push(path)
    if (path === 'api/models/lab/tiny/revision/main?blobs=true') {
      const siblings = Object.entries(files).map(([rfilename, content]) => {
        const sha256 = createHash('sha256').update(content).digest('hex')
        return { rfilename, size: content.length, lfs: { sha256, size: content.length } }
      })
      return route.fulfill({ body: JSON.stringify({ sha: commit, siblings }) })
    }
    const body = files[path.replace(`lab/tiny/resolve/${commit}/`, '')]
    return body === undefined ? route.fulfill({ status: 404 }) : route.fulfill({ body: Buffer.from(body) })
  })
  return asked
}
