import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { gpuEnvironment } from './test/device/gpu-environment.ts'

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))

export default defineConfig({
  resolve: {
    alias: [
      { find: '#platform', replacement: path('./src/platform/node.ts') },
      { find: '#thread', replacement: path('./test/worker/thread-under-test.ts') },
      { find: /^peft-medaware$/, replacement: path('./src/index.ts') },
      { find: /^peft-medaware\/(.*)$/, replacement: path('./src/') + '$1/index.ts' },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    // A process finds its Vulkan driver when it starts, so each test file has a process with that environment.
    pool: 'forks',
    env: gpuEnvironment(),
    // Each worker opens adapters of its own. Two fill two cores; the third works while one waits for a server or a
    // clock.
    maxWorkers: 3,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
