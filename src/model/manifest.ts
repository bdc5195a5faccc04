// The list of networks whose weights can be fetched: weights/manifest.json, checked against this schema.

import * as v from 'valibot';
import { StreamscopeError } from '../error.ts';

const text = v.pipe(v.string(), v.nonEmpty());

const entrySchema = v.strictObject({
  name: v.pipe(v.string(), v.regex(/^[a-z0-9-]+$/)),
  network: v.picklist(['resnet18', 'resnet34']),
  title: text,
  url: v.pipe(v.string(), v.url(), v.startsWith('https://')),
  file: v.pipe(v.string(), v.regex(/^\w[\w.-]*\.(pth|safetensors)$/, 'a file name without a folder')),
  sha256Prefix: v.pipe(v.string(), v.regex(/^[0-9a-f]{8,64}$/, '8 to 64 hex digits')),
  approximateBytes: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  licence: text,
  source: text,
});

const manifestSchema = v.strictObject({
  weights: v.pipe(
    v.array(entrySchema),
    v.check(
      (entries) => new Set(entries.map(({ name }) => name)).size === entries.length,
      'names come twice',
    ),
  ),
});

/** One set of weights: which network, where from, how to know it, under which terms. */
export type ManifestEntry = Readonly<v.InferOutput<typeof entrySchema>>;

/**
 * The entries of a manifest, given as parsed JSON.
 * @throws StreamscopeError badInput that names the field.
 */
export function parseManifest(json: unknown): readonly ManifestEntry[] {
  const result = v.safeParse(manifestSchema, json);
  if (result.success) return result.output.weights;
  const issue = result.issues[0];
  const field = v.getDotPath(issue) ?? 'the whole';
  throw new StreamscopeError(
    'badInput',
    `parseManifest: ${field}: ${issue.message}.`,
    'See weights/README.md.',
  );
}
