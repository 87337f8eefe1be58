import { requestGpu } from '#platform'

/** Dawn with the adapter the tests run on; a machine without one fails, because a skipped GPU test tests nothing. */
export async function testGpu(): Promise<GPU> {
  const answer = await requestGpu()
  if ('gpu' in answer) return answer.gpu as GPU
  throw new Error(
    `the tests need a WebGPU adapter: ${answer.reason}. npm test unpacks SwiftShader for this (test/device/swiftshader.ts); ` +
      'with VK_ICD_FILENAMES set, that driver is used instead (.ci/install-lavapipe.sh installs one)',
  )
}
