// Scale tuning: how O answers its own image as the image is zoomed. Each curve is clipped at 0 and divided by its
// largest value; its mean over the scales is high for channels that do not mind the zoom. Source: the diagnostic that
// the released code of arXiv 2504.16290 calls measure_scale_inv.

export interface TuningCurve {
  channel: number;
  /** one value per scale, 1 at the largest; null: no image, or O is never positive */
  curve: number[] | null;
  mean: number | null;
}

/** `tuning` is [channels, scales]. */
export function tuningCurves(tuning: Float64Array, scales: number): TuningCurve[] {
  return Array.from({ length: tuning.length / scales }, (_, channel) => {
    const answers = Array.from(tuning.subarray(channel * scales, (channel + 1) * scales));
    const peak = Math.max(...answers);
    if (!answers.every(Number.isFinite) || peak <= 0) return { channel, curve: null, mean: null };
    const curve = answers.map((value) => Math.max(value, 0) / peak);
    return { channel, curve, mean: curve.reduce((sum, value) => sum + value, 0) / scales };
  });
}
