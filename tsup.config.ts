import { defineConfig } from 'tsup'

export default defineConfig({
  entry: {
    index: 'src/index.ts',
    quant: 'src/quant/index.ts',
    safetensors: 'src/safetensors/index.ts',
    cli: 'src/cli/main.ts',
    'platform/node': 'src/platform/node.ts',
    'platform/browser': 'src/platform/browser.ts',
  },
  format: 'esm',
  target: 'es2022',
  platform: 'neutral',
  splitting: true,
  sourcemap: true,
  clean: true,
  dts: {
    // Only what can be imported; the platforms' types are in these already.
    entry: { index: 'src/index.ts', quant: 'src/quant/index.ts', safetensors: 'src/safetensors/index.ts' },
    // Options that take a GPU name WebGPU's types, which TypeScript's own libraries have not had for long.
    banner: '/// <reference types="@webgpu/types" />',
  },
  // `#platform` is resolved where the package runs, by the import map of package.json.
  external: ['#platform', 'webgpu', /^node:/],
})
