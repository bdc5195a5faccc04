import { describe, expect, test } from 'vitest';
import type { StimulusMeasurements } from '../../src/analysis/measurements.ts';
import { mixRatios } from '../../src/analysis/mixRatio.ts';
import { type Reading, STUDY } from '../../src/analysis/readings.ts';
import { invariance, passingBoth } from '../../src/analysis/scaleInvariance.ts';
import fixtures from '../fixtures/statistics.json';

const CODE: Reading = { ...STUDY, rules: 'code' };
const NAN = Number.NaN;

interface Channel {
  II: number;
  IB: number;
  BI: number;
  BB: number;
  OI: number;
  OB: number;
  /** B(T X_I), I(T^-1 X_B) */
  up: number;
  down: number;
}

/** Passes everything: SM = (2 - 1) / 4 + (3 - 0) / 6 = 0.75 */
const good: Channel = { II: 6, IB: -1, BI: 1, BB: 4, OI: 5, OB: 5, up: 2, down: 3 };

const stimulusOf = (channels: readonly Channel[]): StimulusMeasurements => {
  const of = (key: keyof Channel) => Float64Array.from(channels, (channel) => channel[key]);
  return {
    imagesPerChannel: 1,
    responses: {
      I: { I: of('II'), B: of('IB') },
      B: { I: of('BI'), B: of('BB') },
      O: { I: of('OI'), B: of('OB') },
    },
    invariance: { scale: { blockOnInput: of('up'), inputOnBlock: of('down') } },
  };
};

function judge(channels: readonly Channel[], reading = STUDY) {
  const stimulus = stimulusOf(channels);
  return invariance(stimulus, 'scale', mixRatios(stimulus, reading)!, reading)!;
}

describe('the criteria of the text, one channel at a time', () => {
  const verdict = (change: Partial<Channel>) => {
    const { mix, block, input, passes, passesWithoutMix } = judge([{ ...good, ...change }]).channels[0];
    return [mix, block, input, passesWithoutMix, passes];
  };
  test.each([
    ['all hold', {}, [true, true, true, true, true]],
    ['M = 1.5 is outside', { OI: 7.5 }, [false, true, true, true, false]],
    ['M = 1.49 is inside', { OI: 7.45 }, [true, true, true, true, true]],
    ['M = 2/3 is outside', { OI: 2, OB: 3 }, [false, true, true, true, false]],
    ['magnified image no better', { up: 1 }, [true, false, true, false, false]],
    ['less inhibition is no preference', { BI: -3, up: -1 }, [true, false, true, false, false]],
    ['shrunken image no better', { IB: 3 }, [true, true, false, false, false]],
    ['no image of I', { II: NAN, BI: NAN, OI: NAN, up: NAN }, [false, false, true, false, false]],
  ])('%s', (_, change, expected) => {
    expect(verdict(change)).toEqual(expected);
  });

  test('the scale metric is eq. 5', () => {
    const [channel] = judge([good]).channels;
    expect([channel.blockDelta, channel.inputDelta, channel.metric]).toEqual([0.25, 0.5, 0.75]);
  });

  test('an image that does not excite its own tap leaves no metric; the code flips the sign instead', () => {
    const silent = { ...good, BB: -4 };
    expect(judge([silent]).channels[0]).toMatchObject({ block: true, blockDelta: null, metric: null });
    expect(judge([silent], CODE).channels[0]).toMatchObject({
      block: false,
      blockDelta: -0.25,
      metric: 0.25,
    });
  });
});

test('lists are ordered by the metric, percentages are of all channels', () => {
  const result = judge([
    good,
    { ...good, up: 4 },
    { ...good, OI: 50 },
    { ...good, up: NAN },
    { ...good, up: 3 },
  ]);
  expect(result.passing).toEqual([1, 4, 0]);
  expect(result.passingWithoutMix).toEqual([1, 4, 0, 2]);
  expect([result.percent, result.percentWithoutMix]).toEqual([60, 80]);
  expect(result.unanswered).toEqual([3]);
  const many = judge(Array.from({ length: 5 }, (_, i) => ({ ...good, up: 2 + i })));
  expect(many.top).toEqual([4, 3, 2]);
});

test("the successor's criterion asks the block alone and ranks by it", () => {
  const reading: Reading = { ...STUDY, criteria: 'block' };
  const result = judge(
    [
      { ...good, down: -5 },
      { ...good, up: 3, down: -9 },
    ],
    reading,
  );
  expect(result.passing).toEqual([1, 0]);
  expect(result.channels[1].metric).toBe(0.5);
});

describe.each(Object.entries(fixtures.released))(
  "the released code's rules, %s image(s) per channel",
  (_, golden) => {
    const set = (name: keyof typeof golden.responses) => Float64Array.from(golden.responses[name]);
    const stimulus: StimulusMeasurements = {
      imagesPerChannel: golden.images,
      responses: {
        I: { I: set('I.I'), B: set('I.B') },
        B: { I: set('B.I'), B: set('B.B') },
        O: { I: set('O.I'), B: set('O.B') },
      },
      invariance: { scale: { blockOnInput: set('blockOnInput'), inputOnBlock: set('inputOnBlock') } },
    };
    const ratios = mixRatios(stimulus, CODE)!;
    const result = invariance(stimulus, 'scale', ratios, CODE)!;

    test('mix ratios', () => {
      for (const [c, { value }] of ratios.entries()) {
        if (golden.mix[c] === null) expect(value).toBeNull();
        else expect(value).toBeCloseTo(golden.mix[c], 10);
      }
    });

    test('scale metric, lists and order', () => {
      for (const [c, { metric }] of result.channels.entries())
        expect(metric).toBeCloseTo(golden.metric[c], 10);
      expect(golden.passing.length).toBeGreaterThan(3);
      expect(result.passing).toEqual(golden.passing);
      expect([...result.passingWithoutMix].sort((a, b) => a - b)).toEqual(golden.withoutMix);
    });
  },
);

test('with photographs the text takes the ReLU of the mean, the code the mean of ReLUs', () => {
  // B(X_I) over two photographs: 4 and -4; their mean is 0, the mean of their ReLUs 2; magnified: 1 and 1
  const stimulus = stimulusOf([good, good]);
  const one = (...values: number[]) => Float64Array.from(values);
  const nine: StimulusMeasurements = {
    imagesPerChannel: 2,
    responses: {
      I: { I: one(6, 6), B: one(0, 0) },
      B: { I: one(4, -4), B: one(4, 4) },
      O: { I: one(5, 5), B: one(5, 5) },
    },
    invariance: { scale: { blockOnInput: one(1, 1), inputOnBlock: one(1, 1) } },
  };
  const by = (reading: Reading) => invariance(nine, 'scale', mixRatios(nine, reading)!, reading)!;
  expect(by(STUDY).passing).toEqual([0]);
  expect(by(CODE).passing).toEqual([]);
  const both = passingBoth(judge([good, good]), {
    ...judge([good, good]),
    channels: [by(CODE).channels[0], by(STUDY).channels[0]],
  });
  expect(both).toEqual([1]);
  expect(invariance(stimulus, 'flip', [], STUDY)).toBeUndefined();
});
