// Progress over photographs: lines for people, JSON for schedulers, silence when asked, and always the last one.

import { afterEach, expect, test, vi } from 'vitest';
import { ImageProgress } from '../../src/cli/imageProgress.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

function shown(style: 'auto' | 'json' | 'none'): string[] {
  const lines: string[] = [];
  vi.spyOn(console, 'error').mockImplementation((line) => void lines.push(line));
  let now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  const progress = new ImageProgress('collect', 100, style, 20);
  for (const [ms, done] of [
    [1000, 30],
    [6000, 50],
    [7000, 60],
    [8000, 100],
  ]) {
    now = ms;
    progress.show(done);
  }
  return lines;
}

test('a line every five seconds, and the last', () => {
  expect(shown('auto')).toEqual([
    'collect: images 50/100, 5.0 images/s, 10 s left',
    'collect: images 100/100, 10.0 images/s, 0 s left',
  ]);
});

test('JSON lines', () => {
  expect(shown('json').map((line) => JSON.parse(line).progress)).toEqual([
    { what: 'collect', images: 50, total: 100, imagesPerSecond: 5, secondsLeft: 10 },
    { what: 'collect', images: 100, total: 100, imagesPerSecond: 10, secondsLeft: 0 },
  ]);
});

test('nothing', () => {
  expect(shown('none')).toEqual([]);
});
