import { describe, expect, it } from 'vitest';
import { parseManifest } from '../../src/model/manifest.ts';
import manifest from '../../weights/manifest.json' with { type: 'json' };
import { refusal } from '../support/refusals.ts';

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
});
