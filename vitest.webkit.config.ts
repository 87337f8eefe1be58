import { defineConfig } from 'vitest/config'
import { shared } from './vitest.config.ts'

/** What runs in a page of WebKitGTK, which npm does not bring: `npm run test:webkit`, after `.ci/install-webkit.sh`. */
export default defineConfig({
  ...shared,
  test: { ...shared.test, include: ['test/**/*.webkit.ts'], maxWorkers: 1 },
})
