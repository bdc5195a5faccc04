import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { StreamscopeError } from '../../src/error.ts';
import { writeSafetensors } from '../../src/model/safetensors.ts';
import { parseWeights, type Weights, weightsHash } from '../../src/model/weights.ts';
import { floats, join, safetensors } from '../support/hostileFiles.ts';
import { FUZZ_TIMEOUT, fuzz, refusal } from '../support/refusals.ts';

const fixture = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../fixtures/${name}`, import.meta.url)));
const weights: Weights = new Map([['w', { shape: [2], data: Float32Array.of(1, 2) }]]);

describe('parseWeights', () => {
  it('tells .pth from .safetensors by content, whatever the name', () => {
    expect(parseWeights(writeSafetensors(weights), 'w.pth')).toEqual(weights);
    expect(parseWeights(fixture('tiny.pth'), 'tiny.safetensors').has('conv.weight')).toBe(true);
  });

  it.each([
    ['a pickle', 0x80],
    ['a zip', 0x4b50],
  ])('a .safetensors whose size begins as %s is one', (_, size) => {
    const padded = (length: number) => writeSafetensors(weights, { note: 'x'.repeat(length) });
    const header = new DataView(padded(1).buffer).getUint32(0, true);
    const bytes = padded(size > header ? 1 + size - header : 1 + 0x180 - header);
    expect(new DataView(bytes.buffer).getUint16(0, true) % (size === 0x80 ? 0x100 : 0x10000)).toBe(size);
    expect(parseWeights(bytes, 'w')).toEqual(weights);
  });

  it.each([
    ['<', 0x3c],
    ['space and <', 0x3c20],
    ['line feed and <', 0x3c0a],
  ])('a .safetensors whose size begins as a web page does is one: %s', (_, size) => {
    const header = JSON.stringify({ w: { dtype: 'F32', shape: [2], data_offsets: [0, 8] } }).padEnd(size);
    expect(parseWeights(safetensors(header, floats(1, 2)), 'w')).toEqual(weights);
  });

  const wrong: [string, Uint8Array, RegExp][] = [
    ['an empty file', join(), /w.pth: the file is empty/],
    ['a web page', join('\n<!DOCTYPE html><html>404</html>'), /w.pth: this is a web page/],
    ['a web page with a { in its ninth byte', join('<script>{}</script>'), /w.pth: this is a web page/],
    [
      'a Git LFS pointer',
      join('version https://git-lfs.github.com/spec/v1\noid sha256:00'),
      /Git LFS pointer/,
    ],
    ['a legacy .pth', fixture('tiny_legacy.pth'), /PyTorch before 1.6/],
    ['a .pth cut short', fixture('tiny.pth').subarray(0, 3000), /zip: the end record is missing/],
    [
      'a .safetensors cut short',
      writeSafetensors(weights).subarray(0, 70),
      /w.pth: safetensors: .* cut short/,
    ],
    ['an image', join(0x89, 'PNG\r\n\x1a\n', new Uint8Array(100)), /w.pth: safetensors: the header claims/],
    ['one byte', join('P'), /w.pth: safetensors: expected a header/],
  ];

  it.each(wrong)('names the file and what is wrong with it: %s', (_, bytes, message) => {
    expect(refusal(() => parseWeights(bytes, 'w.pth'))).toMatch(message);
  });

  it('always says what to do', () => {
    for (const [what, bytes] of wrong) {
      try {
        parseWeights(bytes, 'w.pth');
        expect.fail(what);
      } catch (error) {
        expect((error as StreamscopeError).hint, what).toMatch(/\w{3}/);
      }
    }
  });

  it(
    'refuses mutations or reads them, and does nothing else',
    () => {
      const files = [fixture('tiny.pth'), fixture('tiny_legacy.pth'), writeSafetensors(weights)];
      const { accepted, refused } = fuzz(files, (bytes) => parseWeights(bytes, 'w'));
      expect(Math.min(accepted, refused)).toBeGreaterThan(0);
    },
    FUZZ_TIMEOUT,
  );
});

describe('weightsHash', () => {
  it('is the SHA-256 of the bytes, of a view too', async () => {
    const abc = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
    expect(await weightsHash(join('abc'))).toBe(abc);
    expect(await weightsHash(join('xabcx').subarray(1, 4))).toBe(abc);
  });
});
