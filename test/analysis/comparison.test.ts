import { describe, expect, test } from 'vitest';
import { compareWithStudy } from '../../src/analysis/comparison.ts';
import type { BlockMeasurements } from '../../src/analysis/measurements.ts';
import { blockMetrics } from '../../src/analysis/metrics.ts';
import { syntheticMeasurements } from '../support/syntheticMeasurements.ts';

const compare = (...blocks: BlockMeasurements[]) =>
  compareWithStudy(blocks.map((block) => blockMetrics(block)));

const rowOf = (rows: ReturnType<typeof compare>, place: string, question?: string) => {
  const found = rows.filter((row) => row.place === place && (!question || row.question === question));
  expect(found.length).toBeGreaterThan(0);
  return found[0];
};

/** A block in which exactly these channels pass, and mix ratios are 1 for `mixes`, 0.1 otherwise. */
function blockWith(block: string, channels: number, passing: readonly number[], mixes: readonly number[]) {
  const measured = syntheticMeasurements({ block, channels, seeds: 2 });
  for (const stimulus of [...measured.seeds, measured.natural!]) {
    const n = stimulus.imagesPerChannel;
    const set = (of: (c: number) => number) =>
      Float64Array.from({ length: channels * n }, (_, i) => of(Math.floor(i / n)));
    stimulus.responses.O.I = set((c) => (passing.includes(c) ? 9 : mixes.includes(c) ? 10 : 1));
    stimulus.responses.O.B = set(() => 10);
    stimulus.responses.B.B = set(() => 5);
    stimulus.responses.I.I = set(() => 5);
    stimulus.responses.B.I = set(() => 1);
    stimulus.responses.I.B = set(() => 1);
    // the earlier in the list, the higher the metric
    const gain = (c: number) => (passing.includes(c) ? 3 - passing.indexOf(c) / 10 : 0);
    stimulus.invariance.scale = { blockOnInput: set(gain), inputOnBlock: set(gain) };
  }
  return measured;
}

test('a run that finds what the study found agrees', () => {
  const rows = compare(blockWith('2.0', 128, [7, 15, 53, 3], [42, 9, 78]));
  expect(rowOf(rows, 'Fig. 7', 'Pass with visualisations and with photographs')).toMatchObject({
    ours: '7, 15, 53, 3',
    agrees: true,
  });
  expect(rowOf(rows, 'Fig. 8')).toMatchObject({ published: '42, 9, 78', agrees: true });
  expect(rowOf(rows, 'Fig. 8').difference).toContain('3 of 3 shared (by chance 0.070)');
  expect(rowOf(rows, 'Fig. 6')).toMatchObject({ ours: '7, 15, 53', agrees: true });
  expect(rowOf(rows, 'Fig. 5')).toMatchObject({ ours: '4 of 128 (3.13 %)', agrees: null });
  expect(rowOf(rows, 'Fig. 2')).toMatchObject({ agrees: true });
});

test('a run that finds something else differs, and says what the published channels do here', () => {
  const rows = compare(blockWith('2.0', 128, [1, 7], [2, 4, 6]));
  const robust = rowOf(rows, 'Fig. 7', 'Pass with visualisations and with photographs');
  expect(robust).toMatchObject({ ours: '1, 7', agrees: false });
  expect(robust.difference).toContain('1 of 4 shared');
  expect(robust.difference).toContain('7: M 0.900, passes 2/2; 15: M 0.100, passes 0/2');
  expect(rowOf(rows, 'Fig. 8').agrees).toBe(false);
});

describe('rules', () => {
  test('no scale-invariant channel where the study has none', () => {
    expect(rowOf(compare(blockWith('3.0', 256, [], [1, 2, 3])), 'Fig. 5').agrees).toBe(true);
    expect(rowOf(compare(blockWith('3.0', 256, [5], [1, 2, 3])), 'Fig. 5').agrees).toBe(false);
  });

  test('words without a number stay open', () => {
    const rows = compare(blockWith('4.0', 512, [], [163, 3, 51]));
    expect(rowOf(rows, 'Fig. 5', 'The same without the mix ratio').agrees).toBeNull();
  });

  test('a simple block is compared with the downsample blocks of the run, if there are any', () => {
    const simple = blockWith(
      '2.1',
      128,
      [...Array(100).keys()].map((c) => c + 20),
      [1, 2, 3],
    );
    for (const { responses } of simple.seeds) responses.O.B!.fill(5, 20, 120);
    expect(rowOf(compare(simple), 'Fig. 2').agrees).toBeNull();
    const rows = compare(blockWith('2.0', 128, [], [1, 2, 3]), simple);
    expect(rows.find(({ block, place }) => block === '2.1' && place === 'Fig. 2')!.agrees).toBe(true);
  });

  test('the last block has all channels in the lowest bin', () => {
    expect(rowOf(compare(blockWith('4.1', 512, [], [])), 'Fig. 2').agrees).toBe(true);
    expect(rowOf(compare(blockWith('4.1', 512, [], [9])), 'Fig. 2').agrees).toBe(false);
  });

  test('weights: the sign and significance decide', () => {
    const block = syntheticMeasurements({ block: '2.1' });
    expect(rowOf(compare(block), 'Fig. 3').agrees).toBe(true);
    block.weightMagnitude.batchNorm = block.weightMagnitude.batchNorm.map((weight) => -weight);
    const row = rowOf(compare(block), 'Fig. 3');
    expect([row.agrees, row.difference]).toEqual([false, 'opposite sign, significant']);
  });

  test('weights: folded ones decide nothing', () => {
    const block = syntheticMeasurements({ block: '2.1' });
    block.weightMagnitude.batchNorm.fill(1);
    const rows = compare(block).filter(({ place }) => place === 'Fig. 3');
    expect(rows.map(({ ours, agrees }) => [ours, agrees])).toEqual([
      ['not measurable', null],
      ['not measurable', null],
    ]);
  });

  test('inhibition: published as shown in 3.1, as not shown in 1.1', () => {
    const of = (block: string) => rowOf(compare(syntheticMeasurements({ block })), 'Fig. 4, bottom');
    expect([of('3.1').agrees, of('1.1').agrees]).toEqual([true, false]);
  });
});

test('blocks that the study does not have give no rows', () => {
  expect(compare(syntheticMeasurements({ block: '1.2' }))).toEqual([]);
});

test('nor do the blocks of a network of another width', () => {
  expect(compare(syntheticMeasurements({ block: '2.1', channels: 32 }))).toEqual([]);
});

test('long lists are cut in words', () => {
  const rows = compare(blockWith('2.1', 128, [...Array(20).keys()], []));
  expect(rowOf(rows, 'Fig. 7').ours).toBe('0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 8 more');
});
