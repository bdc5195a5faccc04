import { expect, test } from 'vitest';
import { channelsCsv } from '../../src/analysis/channelTable.ts';
import { blockMetrics } from '../../src/analysis/metrics.ts';
import { syntheticMeasurements } from '../support/syntheticMeasurements.ts';

const blocks = [
  blockMetrics(syntheticMeasurements({ block: '1.1', channels: 8, dead: [2] })),
  blockMetrics(syntheticMeasurements({ block: '2.0', channels: 4, photographs: 0 })),
];
const [header, ...rows] = channelsCsv(blocks)
  .trimEnd()
  .split('\n')
  .map((line) => line.split(','));
const cell = (row: number, name: string) => rows[row][header.indexOf(name)];

test('one row per channel, every row as long as the header', () => {
  expect(rows).toHaveLength(12);
  expect(rows.every(({ length }) => length === header.length)).toBe(true);
  expect(new Set(header).size).toBe(header.length);
  expect([cell(8, 'block'), cell(8, 'channel')]).toEqual(['2.0', '0']);
});

test('numbers read back to the same float64', () => {
  const [first] = blocks[0].seeds;
  expect(Number(cell(5, 'mix_ratio'))).toBe(first.mix[5].value);
  expect(Number(cell(5, 'scale_metric'))).toBe(first.invariance.scale!.channels[5].metric);
  expect(cell(4, 'scale_passes')).toBe(String(Number(first.invariance.scale!.channels[4].passes)));
  expect(Number(cell(4, 'scale_pass_rate'))).toBe(
    blocks[0].spread.invariance.scale!.channels[4].rates.passes,
  );
});

test('what does not exist is an empty cell', () => {
  expect([cell(2, 'mix_ratio'), cell(2, 'mix_case'), cell(2, 'scale_metric')]).toEqual(['', 'missing', '']);
  expect([cell(9, 'curve_rho'), cell(9, 'scale_photographs_pass')]).toEqual(['', '']);
  expect(channelsCsv(blocks)).not.toMatch(/NaN|null|undefined/);
});
