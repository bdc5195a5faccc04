// Links to a channel.

import { expect, test } from 'vitest';
import { formatLink, parseLink } from '../../src/web/link.ts';

test('a link says block and channel, and is read back', () => {
  expect(formatLink({ block: '2.0', channel: 7 })).toBe('#block=2.0&channel=7');
  expect(parseLink('#block=2.0&channel=7')).toEqual({ block: '2.0', channel: 7 });
});

test.each([
  ['', {}],
  ['#channel=3', { channel: 3 }],
  ['#block=1.1', { block: '1.1' }],
  ['#block=../x&channel=-1', {}],
  ['#block=9.9&channel=1e3', {}],
  ['#block=1.1&channel=99999999', { block: '1.1' }],
])('%s says %o', (fragment, place) => {
  expect(parseLink(fragment)).toEqual(place);
});
