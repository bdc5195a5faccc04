import { describe, expect, it } from 'vitest';
import { parseJson } from '../../src/cli/jsonFiles.ts';
import { type ManifestEntry, parseManifest } from '../../src/model/manifest.ts';
import manifest from '../../weights/manifest.json' with { type: 'json' };
import { FUZZ_TIMEOUT, fuzz, mulberry32, ROUNDS, refusal, SEED } from '../support/refusals.ts';

describe('parseManifest', () => {
  it('accepts the manifest of this repository', () => {
    const entries = parseManifest(manifest);
    expect(entries.map(({ name }) => name)).toEqual(expect.arrayContaining(['resnet18', 'resnet34']));
    for (const { file, url, sha256Prefix } of entries) {
      expect(url.endsWith(file)).toBe(true);
      expect(file).toContain(sha256Prefix.slice(0, 8));
    }
  });

  const first = manifest.weights[0];
  const wrong: [string, unknown, RegExp][] = [
    ['text', 'resnet18', /the whole/],
    ['a list', [first], /weights/],
    ['an unknown field', { weights: [{ ...first, sha256: '00' }] }, /weights.0.sha256/],
    ['a missing field', { weights: [{ ...first, licence: undefined }] }, /weights.0.licence/],
    ['an unknown network', { weights: [{ ...first, network: 'vgg16' }] }, /weights.0.network/],
    [
      'a URL without encryption',
      { weights: [{ ...first, url: 'http://example.org/a.pth' }] },
      /weights.0.url/,
    ],
    [
      'a file elsewhere',
      { weights: [{ ...first, file: '../a.pth' }] },
      /weights.0.file: a file name without/,
    ],
    [
      'a short hash',
      { weights: [{ ...first, sha256Prefix: 'f370' }] },
      /weights.0.sha256Prefix: 8 to 64 hex/,
    ],
    ['a size of 0', { weights: [{ ...first, approximateBytes: 0 }] }, /weights.0.approximateBytes/],
    ['a name twice', { weights: [first, first] }, /names come twice/],
    ['nothing', null, /the whole/],
    ['a name that climbs', { weights: [{ ...first, name: '../x' }] }, /weights.0.name/],
    ['a file of another kind', { weights: [{ ...first, file: 'a.sh' }] }, /weights.0.file/],
    ['a hidden file', { weights: [{ ...first, file: '.pth' }] }, /weights.0.file/],
    ['a file on another drive', { weights: [{ ...first, file: 'C:\\a.pth' }] }, /weights.0.file/],
    ['a file of two lines', { weights: [{ ...first, file: 'a.pth\n' }] }, /weights.0.file/],
    ['a URL of a file', { weights: [{ ...first, url: 'file:///etc/passwd' }] }, /weights.0.url/],
    ['a URL that is a script', { weights: [{ ...first, url: 'javascript:1' }] }, /weights.0.url/],
    [
      'a hash that is a pattern',
      { weights: [{ ...first, sha256Prefix: '.{64}' }] },
      /weights.0.sha256Prefix/,
    ],
    ['a size of 2^53', { weights: [{ ...first, approximateBytes: 2 ** 53 }] }, /weights.0.approximateBytes/],
    ['a prototype', JSON.parse('{"__proto__": {"weights": []}}'), /weights|__proto__/],
  ];

  it.each(wrong)('refuses %s, and names the field', (_, json, message) => {
    expect(refusal(() => parseManifest(json))).toMatch(message);
  });

  const encoder = new TextEncoder();

  it(
    'refuses mutations of its bytes or reads them, and what it reads is safe to fetch',
    () => {
      const { accepted, refused } = fuzz([encoder.encode(JSON.stringify(manifest))], (bytes) =>
        requireSafe(parseManifest(parseJson(bytes))),
      );
      expect(Math.min(accepted, refused)).toBeGreaterThan(0);
    },
    FUZZ_TIMEOUT,
  );

  it(
    'refuses other values in its places or reads them',
    () => {
      const random = mulberry32(SEED);
      const counts = { accepted: 0, refused: 0 };
      for (let round = 0; round < ROUNDS; round++) {
        const mutated = replaceOne(structuredClone(manifest), random);
        try {
          requireSafe(parseManifest(mutated));
          counts.accepted++;
        } catch (error) {
          expect(error, `seed ${SEED}, round ${round}`).toMatchObject({ code: 65 });
          counts.refused++;
        }
      }
      expect(Math.min(counts.accepted, counts.refused)).toBeGreaterThan(0);
    },
    FUZZ_TIMEOUT,
  );
});

/** What a download relies on, said without the schema. */
function requireSafe(entries: readonly ManifestEntry[]): void {
  for (const { name, file, url, sha256Prefix, approximateBytes } of entries) {
    if (/[/\\:\0\n]|^\./.test(name + file) || !/^(\w|-)+$/.test(name))
      throw new Error(`name ${name}, file ${file}`);
    if (new URL(url).protocol !== 'https:') throw new Error(`url ${url}`);
    if (sha256Prefix.length < 8 || !(approximateBytes >= 1))
      throw new Error(`${sha256Prefix}, ${approximateBytes}`);
  }
}

const NAMES = ['weights', 'name', 'sha256', '0', '__proto__', 'toString', ''];
const VALUES: readonly unknown[] = [
  ...[
    null,
    true,
    0,
    -1,
    1.5,
    1e300,
    Number.NaN,
    '',
    'a',
    'a.pth',
    '../a.pth',
    'a/b.pth',
    'https://',
    'https://a',
  ],
  ...[
    'https://[',
    'ftp://a',
    'resnet18',
    'resnet34',
    '0123456789abcdef',
    'toString',
    '__proto__',
    '\0',
    '\ud800',
  ],
  ...['x'.repeat(100_000), [], {}, [[]], { weights: [] }, { length: 1 }, Object.create(null)],
];

/** Exchanges, removes, doubles or adds something somewhere in a document. */
function replaceOne(document: unknown, random: () => number): unknown {
  const below = (n: number) => Math.floor(random() * n);
  const value = () => VALUES[below(VALUES.length)];
  let at = document as Record<string, unknown>;
  for (;;) {
    const keys = Object.keys(at);
    const key = keys[below(keys.length)];
    const next = at[key];
    if (typeof next === 'object' && next !== null && below(8) > 0) {
      at = next as Record<string, unknown>;
      continue;
    }
    const kind = below(5);
    if (kind === 0) delete at[key];
    else if (kind === 1) Object.assign(at, { [NAMES[below(NAMES.length)]]: value() });
    else if (kind === 2 && Array.isArray(at)) at.push(structuredClone(next));
    else at[key] = value();
    return below(200) === 0 ? value() : document;
  }
}
