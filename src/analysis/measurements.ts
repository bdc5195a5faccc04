// What the GPU measured of one block. Every metric, statistic and figure is a pure function of these numbers: this
// file is the border between the two halves of the analysis.
//
// A stimulus is a set of images per channel: the visualisations of the channel at tap I, B or O (one image per
// channel and seed), or the photographs that excite it most there (several per channel). A response is the centre
// activation of the same channel at a tap. Arrays are [channels, images per channel], row-major; NaN stands for an
// image that does not exist (a dead or diverged unit) and never for anything else.

/** I: input that bypasses the block; B: second batch norm, before the sum; O: the sum, before its ReLU. */
export type Role = 'I' | 'B' | 'O';
export const ROLES: readonly Role[] = ['I', 'B', 'O'];

/** responses[tap][stimulus]: what `tap` answers to the images of `stimulus`; absent: not measured. */
export type ResponseTable = Record<Role, Partial<Record<Role, Float64Array>>>;

/**
 * The two responses of an invariance test by a transform T: does the block answer the transformed image of its
 * input, and the input the back-transformed image of the block?
 */
export interface InvarianceResponses {
  /** B(T X_I); for scale, T = S magnifies twofold */
  blockOnInput: Float64Array;
  /** I(T^-1 X_B); for scale, T^-1 shrinks to a half and pads by reflection */
  inputOnBlock: Float64Array;
}

export type Invariance = 'scale' | 'flip';

/** All responses to one set of stimuli. */
export interface StimulusMeasurements {
  imagesPerChannel: number;
  responses: ResponseTable;
  invariance: Partial<Record<Invariance, InvarianceResponses>>;
}

/** One seed's visualisations, one image per channel. */
export interface SeedMeasurements extends StimulusMeasurements {
  seed: number;
  /** O on X_O zoomed by each of `tuningScales`: [channels, scales]; absent when O has no images */
  tuning?: Float64Array;
}

/** Photographs: the top images of I and B per channel, and the centre activations of all. */
export interface NaturalMeasurements extends StimulusMeasurements {
  images: number;
  /** centre activations over the folder, [images, channels] each, in the folder's order */
  activations: Record<Role, Float32Array>;
}

export interface BlockMeasurements {
  /** '1.1' */
  block: string;
  channels: number;
  /** mean absolute values per channel of the block's second batch norm and second convolution, as trained */
  weightMagnitude: { batchNorm: Float64Array; convolution: Float64Array };
  tuningScales: readonly number[];
  seeds: readonly SeedMeasurements[];
  natural?: NaturalMeasurements;
}
