// What the page and its worker say to each other, checked on arrival on both sides.
//
// The page sends requests with a number; the worker answers each with one `done` or `failed` of that number, and sends
// `picture` messages meanwhile. The worker does one thing at a time, except for `steer`, which reaches into an ascent
// that is running. Arrays are handed over, not copied.

import * as v from 'valibot';

const whole = (least: number, most: number) =>
  v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most));
const number = v.number();
const floats = v.custom<Float32Array>((value) => value instanceof Float32Array, 'expected a Float32Array');
const bytes = v.custom<Uint8Array>((value) => value instanceof Uint8Array, 'expected a Uint8Array');
const role = v.picklist(['I', 'B', 'O']);
/** Spectra, moments and pictures of three units are held at once: far below what a browser gives a page. */
const MOST_PIXELS = 512;

/** Of Adam, as `visualize` has it when it is not told. */
export const LEARNING_RATE = 0.05;

const ascentSettings = v.object({
  steps: whole(1, 100_000),
  seed: whole(0, 2 ** 31),
  /** pixels; the study's choice by tap when absent */
  jitter: v.optional(whole(0, 64)),
  size: whole(64, MOST_PIXELS),
  /** steps between pictures, at most */
  every: whole(1, 64),
});

const requestSchema = v.variant('kind', [
  v.object({ kind: v.literal('open'), name: v.string(), bytes: v.instance(ArrayBuffer) }),
  v.object({ kind: v.literal('magnitudes'), block: v.string() }),
  v.object({
    kind: v.literal('ascend'),
    block: v.string(),
    channel: whole(0, 4096),
    roles: v.pipe(v.array(role), v.minLength(1)),
    settings: ascentSettings,
  }),
  v.object({
    kind: v.literal('steer'),
    /** `steps`: go on for so many and pause again */
    action: v.variant('do', [
      v.object({ do: v.picklist(['pause', 'resume', 'stop']) }),
      v.object({ do: v.literal('step'), steps: whole(1, 64) }),
    ]),
  }),
  v.object({
    kind: v.literal('respond'),
    block: v.string(),
    channel: whole(0, 4096),
    size: whole(64, MOST_PIXELS),
    /** 8-bit pixels (n,n,3) of the units' images */
    images: v.object({
      I: v.optional(bytes),
      B: v.optional(bytes),
      O: v.optional(bytes),
    }),
  }),
  v.object({
    kind: v.literal('photograph'),
    block: v.string(),
    height: whole(1, 32_768),
    width: whole(1, 32_768),
    data: bytes,
  }),
]);

const tapSchema = v.object({
  name: v.string(),
  block: v.string(),
  role,
  place: v.string(),
  module: v.string(),
  channels: number,
  /** whether the file has all tensors behind it */
  served: v.boolean(),
  /** the study's */
  jitter: number,
});

const byRole = v.object({ I: v.optional(number), B: v.optional(number), O: v.optional(number) });

/** What each request is answered with. */
export const RESULTS = {
  open: v.object({
    network: v.string(),
    sha256: v.string(),
    adapter: v.string(),
    kernels: v.string(),
    isSoftware: v.boolean(),
    taps: v.array(tapSchema),
  }),
  magnitudes: v.object({ batchNorm: v.array(number), convolution: v.array(number) }),
  ascend: v.object({
    stopped: v.boolean(),
    images: v.array(
      v.object({
        role,
        status: v.picklist(['ok', 'dead', 'diverged']),
        image: floats,
        pixels: bytes,
        /** before every step */
        objective: floats,
        /** on the pixels, without transforms; only with status ok */
        activation: v.optional(number),
      }),
    ),
    /** bytes on the device, now that the ascent has given back its own */
    liveBytes: number,
  }),
  steer: v.object({}),
  respond: v.object({
    /** responses[tap][image] of the channel */
    responses: v.object({ I: byRole, B: byRole, O: byRole }),
    scale: v.optional(v.object({ blockOnInput: number, inputOnBlock: number })),
    tuning: v.optional(v.object({ scales: v.array(number), answers: v.array(number) })),
  }),
  photograph: v.object({
    /** the pixels the network saw, (224,224,3) */
    pixels: bytes,
    /** by channel */
    I: floats,
    B: floats,
    O: floats,
  }),
} as const;

const pictureSchema = v.object({
  kind: v.literal('picture'),
  role,
  stepsDone: number,
  /** 8-bit pixels (n,n,3) */
  pixels: bytes,
  /** the objective before each step so far, and the norm of its gradient */
  objective: floats,
  gradientNorm: floats,
});

const replySchema = v.variant('kind', [
  pictureSchema,
  v.object({ kind: v.literal('done'), request: number, result: v.unknown() }),
  v.object({
    kind: v.literal('failed'),
    request: number,
    message: v.string(),
    hint: v.optional(v.string()),
    /** a class of error.ts */
    exitClass: v.string(),
  }),
]);

const numbered = v.object({ request: number, body: requestSchema });

export type Request = v.InferOutput<typeof requestSchema>;
export type Reply = v.InferOutput<typeof replySchema>;
export type Picture = v.InferOutput<typeof pictureSchema>;
export type AscentRequest = v.InferOutput<typeof ascentSettings>;
export type TapFacts = v.InferOutput<typeof tapSchema>;
export type Result<K extends Request['kind']> = v.InferOutput<(typeof RESULTS)[K]>;

/** Throws valibot's error, which names the field, for anything else than a request. */
export const parseRequest = (message: unknown) => v.parse(numbered, message);
export const parseReply = (message: unknown): Reply => v.parse(replySchema, message);
