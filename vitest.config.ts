import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { configDefaults, defineConfig } from 'vitest/config'
import { gpuEnvironment } from './test/device/gpu-environment.ts'

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url))

/** What the three configurations have alike. */
export const shared = {
  resolve: {
    alias: [
      { find: '#platform', replacement: path('./src/platform/node.ts') },
      { find: '#thread', replacement: path('./test/worker/thread-under-test.ts') },
      { find: /^peft-medaware$/, replacement: path('./src/index.ts') },
      { find: /^peft-medaware\/(.*)$/, replacement: path('./src/') + '$1/index.ts' },
    ],
  },
  test: {
    // A process finds its Vulkan driver when it starts, so tests run in processes with that environment.
    pool: 'forks' as const,
    env: gpuEnvironment(),
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
}

/** Bundles the programs that tests start; once for each project that names it. */
export const globalSetup = ['test/programs/build-programs.ts']

/**
 * Test files that change what others would see, so each has a process of its own: modules replaced, formats and
 * architectures added. The rest share processes, since loading the library takes longer than most of them.
 */
const alone = readdirSync(path('test'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => `test/${name}`)
  .filter((name) => /\bvi\.(?:doM|m)ock\(|\bregister[A-Z]\w*\(/.test(readFileSync(path(name), 'utf8')))

export default defineConfig({
  ...shared,
  test: {
    ...shared.test,
    // Each worker opens adapters of its own. Two fill two cores; the third works while one waits for a server or a
    // clock.
    maxWorkers: 3,
    projects: [
      {
        extends: true,
        test: {
          name: 'shared',
          isolate: false,
          globalSetup,
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...alone],
        },
      },
      { extends: true, test: { name: 'alone', include: alone } },
    ],
  },
})
