import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { pushToHub } from '../../src/hub/push-to-hub.ts'
import { writeSafetensors } from '../../src/safetensors/writer.ts'
import { pushToken, startPushableHub } from '../hub/pushable-hub.ts'

const script = `
import hashlib, json, os, sys
from huggingface_hub import HfApi, snapshot_download
folder = snapshot_download("lab/mine")
digest = lambda name: hashlib.sha256(open(os.path.join(folder, name), "rb").read()).hexdigest()
found = {name: digest(name) for name in sorted(os.listdir(folder))}
# They push to the same server, by which it speaks the protocol as they know it.
api = HfApi()
api.create_repo("lab/theirs", private=True)
done = api.upload_folder(repo_id="lab/theirs", folder_path=folder, commit_message="Theirs")
print(json.dumps({"found": found, "oid": done.oid}))
`

/** What huggingface_hub downloads of a push, and whether it pushes to the same server; each line is what is wrong. */
export async function pushedProblems(python: string): Promise<string[]> {
  const problems: string[] = []
  const home = mkdtempSync(join(tmpdir(), 'peft-medaware-pushed-'))
  const data = Float32Array.from({ length: 5000 }, Math.sin)
  const files = new Map<string, Uint8Array | string>([
    ['adapter_config.json', '{"base_model_name_or_path":"owner/base"}'],
    ['adapter_model.safetensors', writeSafetensors([{ name: 'a', dtype: 'F32', shape: [5000], data }])],
    ['README.md', '# Mine\n'],
  ])
  const wanted = Object.fromEntries(
    [...files].map(([name, content]) => [name, createHash('sha256').update(content).digest('hex')]),
  )
  for (const partBytes of [0, 6000]) {
    const hub = await startPushableHub({ partBytes })
    try {
      await pushToHub(files, 'lab/mine', { hub: { endpoint: hub.endpoint, token: pushToken, offline: false } })
      const settings = { HF_HOME: join(home, String(partBytes)), HF_ENDPOINT: hub.endpoint, HF_TOKEN: pushToken }
      const env = { ...process.env, ...settings, HF_HUB_DISABLE_TELEMETRY: '1', HF_HUB_DISABLE_XET: '1' }
      const { stdout } = await promisify(execFile)(python, ['-c', script], { env })
      const { found } = JSON.parse(stdout) as { found: Record<string, string> }
      for (const [name, digest] of Object.entries(wanted)) {
        if (found[name] !== digest) problems.push(`they downloaded another ${name}`)
      }
      const theirs = hub.repositories.get('lab/theirs')?.branches.get('main')?.files
      for (const [name, digest] of Object.entries(wanted)) {
        const body = theirs?.get(name)
        const own = body === undefined ? null : createHash('sha256').update(body).digest('hex')
        if (own !== digest) problems.push(`what they pushed of ${name} is another one`)
      }
    } finally {
      await hub.close()
    }
  }
  rmSync(home, { recursive: true })
  return problems
}
