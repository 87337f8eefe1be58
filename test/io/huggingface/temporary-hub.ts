import { onTestFinished } from 'vitest'
import { startFakeHub, type FakeHub } from './fake-hub.ts'

/** A fake Hub that is gone when the test is done. */
export async function fakeHub(...given: Parameters<typeof startFakeHub>): Promise<FakeHub> {
  const hub = await startFakeHub(...given)
  onTestFinished(() => hub.close())
  return hub
}
