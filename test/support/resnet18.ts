// The distinct shapes of ResNet18 at 224 x 224, from its stages: channels, map size, and whether blocks end there.

export const STAGES = [
  { C: 64, size: 112, summed: false },
  { C: 64, size: 56, summed: true },
  { C: 128, size: 28, summed: true },
  { C: 256, size: 14, summed: true },
  { C: 512, size: 7, summed: true },
] as const;

export interface Convolution {
  C: number;
  size: number;
  K: number;
  filter: number;
  stride: number;
  pad: number;
}

/** conv1, then for every stage its 3x3, and the strided 3x3 and 1x1 that lead into it. */
export const CONVOLUTIONS: readonly Convolution[] = [
  { C: 3, size: 224, K: 64, filter: 7, stride: 2, pad: 3 },
  ...STAGES.slice(1).flatMap(({ C, size }, i) => [
    { C, size, K: C, filter: 3, stride: 1, pad: 1 },
    ...(i === 0
      ? []
      : [
          { C: C / 2, size: 2 * size, K: C, filter: 3, stride: 2, pad: 1 },
          { C: C / 2, size: 2 * size, K: C, filter: 1, stride: 2, pad: 0 },
        ]),
  ]),
];
