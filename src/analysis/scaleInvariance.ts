// Which channels are invariant to a transform T (twofold scale; the released code also offers a flip)?
//
//   1/tolerance < M < tolerance                                         eq. 2
//   ReLU(B(X_I)) < B(T X_I)     the block prefers the magnified image   eq. 3
//   ReLU(I(X_B)) < I(T^-1 X_B)  the input prefers the shrunken image    eq. 4
//   SM = (B(T X_I) - ReLU(B(X_I))) / B(X_B) + (I(T^-1 X_B) - ReLU(I(X_B))) / I(X_I)    eq. 5
//
// Photographs instead of visualisations: each response is the mean over a channel's images. Rules 'code' take the
// ReLU of every response to every image, transformed ones too, before that mean, and ask for the sign of the two
// summands of SM instead of eqs. 3 and 4: the same unless B(X_B) or I(X_I) is negative, which turns the sign over.
// Rules 'text' give such a channel no SM.

import type { Invariance, StimulusMeasurements } from './measurements.ts';
import { type MixRatio, meanPerChannel } from './mixRatio.ts';
import type { Reading } from './readings.ts';

export interface ChannelInvariance {
  /** each criterion; false where a response is missing */
  mix: boolean;
  block: boolean;
  input: boolean;
  /** the two summands of SM, and SM; null: a response is missing, or the image does not excite its own tap */
  blockDelta: number | null;
  inputDelta: number | null;
  metric: number | null;
  /** all criteria of the reading; and all but the mix ratio's */
  passes: boolean;
  passesWithoutMix: boolean;
}

export interface InvarianceResult {
  channels: ChannelInvariance[];
  /** channels that pass, the highest SM first */
  passing: number[];
  passingWithoutMix: number[];
  /** of all channels of the block */
  percent: number;
  percentWithoutMix: number;
  /** the three passing channels with the highest SM */
  top: number[];
  /** channels with a missing response: they cannot pass, and count as channels of the block */
  unanswered: number[];
}

interface Responses {
  /** B(X_I), B(T X_I), B(X_B) */
  block: { plain: number; transformed: number; own: number };
  /** I(X_B), I(T^-1 X_B), I(X_I) */
  input: { plain: number; transformed: number; own: number };
}

const TOP = 3;

/** The criteria for all channels, or undefined when a response table they need was not measured. */
export function invariance(
  stimulus: StimulusMeasurements,
  kind: Invariance,
  ratios: readonly MixRatio[],
  reading: Reading,
): InvarianceResult | undefined {
  const responses = responsesOf(stimulus, kind, reading);
  if (!responses) return undefined;
  const channels = responses.map((values, c) => judge(values, ratios[c], reading));
  const list = (passes: (channel: ChannelInvariance) => boolean) =>
    [...channels.keys()]
      .filter((c) => passes(channels[c]))
      .sort((a, b) => descending(channels[a].metric, channels[b].metric) || a - b);
  const passing = list((channel) => channel.passes);
  const passingWithoutMix = list((channel) => channel.passesWithoutMix);
  return {
    channels,
    passing,
    passingWithoutMix,
    percent: (100 * passing.length) / channels.length,
    percentWithoutMix: (100 * passingWithoutMix.length) / channels.length,
    top: passing.slice(0, TOP),
    unanswered: [...responses.keys()].filter((c) => !complete(responses[c])),
  };
}

/** A channel without SM comes last. */
const descending = (a: number | null, b: number | null): number =>
  a === b ? 0 : (b ?? Number.NEGATIVE_INFINITY) - (a ?? Number.NEGATIVE_INFINITY);

const complete = ({ block, input }: Responses): boolean =>
  [...Object.values(block), ...Object.values(input)].every(Number.isFinite);

function responsesOf(
  { responses, imagesPerChannel, invariance }: StimulusMeasurements,
  kind: Invariance,
  { rules }: Reading,
): Responses[] | undefined {
  const transformed = invariance[kind];
  const { I, B } = responses;
  if (!transformed || !B.I || !B.B || !I.B || !I.I) return undefined;
  const mean = (values: Float64Array) => meanPerChannel(values, imagesPerChannel);
  const rectified = (values: Float64Array) =>
    meanPerChannel(values, imagesPerChannel, (value) => Math.max(value, 0));
  // the ReLU of a mean in the text, the mean of ReLUs in the code
  const plain = (values: Float64Array) =>
    rules === 'code' ? rectified(values) : mean(values).map((value) => Math.max(value, 0));
  const turned = rules === 'code' ? rectified : mean;
  const block = { plain: plain(B.I), transformed: turned(transformed.blockOnInput), own: mean(B.B) };
  const input = { plain: plain(I.B), transformed: turned(transformed.inputOnBlock), own: mean(I.I) };
  const at = (values: typeof block, c: number) => ({
    plain: values.plain[c],
    transformed: values.transformed[c],
    own: values.own[c],
  });
  return Array.from(block.plain, (_, c) => ({ block: at(block, c), input: at(input, c) }));
}

function judge(responses: Responses, ratio: MixRatio, reading: Reading): ChannelInvariance {
  const { tolerance, criteria } = reading;
  const blockDelta = deltaOf(responses.block, reading);
  const inputDelta = deltaOf(responses.input, reading);
  const block = gains(responses.block, reading);
  const input = gains(responses.input, reading);
  const mix = ratio.value !== null && ratio.value > 1 / tolerance && ratio.value < tolerance;
  const sum = blockDelta === null || inputDelta === null ? null : blockDelta + inputDelta;
  const passesWithoutMix = block && (criteria === 'block' || input);
  return {
    mix,
    block,
    input,
    blockDelta,
    inputDelta,
    metric: criteria === 'block' ? blockDelta : sum,
    passes: passesWithoutMix && mix,
    passesWithoutMix,
  };
}

/** Eq. 3 or 4; comparisons with NaN are false. */
function gains({ plain, transformed, own }: Responses['block'], { rules }: Reading): boolean {
  return rules === 'code' ? (transformed - plain) / own > 0 : transformed > plain;
}

function deltaOf({ plain, transformed, own }: Responses['block'], { rules }: Reading): number | null {
  const delta = (transformed - plain) / own;
  return Number.isFinite(delta) && (own > 0 || rules === 'code') ? delta : null;
}

/** Fig. 7: channels that pass with visualisations and with photographs, in the order of the former. */
export const passingBoth = (visualizations: InvarianceResult, photographs: InvarianceResult): number[] =>
  visualizations.passing.filter((channel) => photographs.channels[channel].passes);
