import type { Component } from 'vue'

/** The live figures by the names that pages call them: each is fetched when a reader comes to it. */
export const figures = {
  nf4: async () => (await import('./nf4/nf4-figure.ts')).Nf4Figure,
  'double-quantisation': async () =>
    (await import('./double-quantisation/double-quantisation-figure.ts')).DoubleQuantisationFigure,
  lora: async () => (await import('./lora/lora-figure.ts')).LoraFigure,
  tape: async () => (await import('./tape/tape-figure.ts')).TapeFigure,
  kernels: async () => (await import('./kernels/kernels-figure.ts')).KernelsFigure,
  quantise: async () => (await import('./try/quantise-page.ts')).QuantisePage,
  train: async () => (await import('./try/train-page.ts')).TrainPage,
  adapters: async () => (await import('./try/adapters-page.ts')).AdaptersPage,
} satisfies Readonly<Record<string, () => Promise<Component>>>

export type FigureName = keyof typeof figures
