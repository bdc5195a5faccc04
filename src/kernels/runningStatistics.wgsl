// runningMean     = (1 - SHARE) runningMean + SHARE mean
// runningVariance = (1 - SHARE) runningVariance + SHARE variance COUNT / (COUNT - 1)
// mean and variance are a batch's, of COUNT numbers per channel; what is kept estimates the population's variance.

override C : u32;
override SHARE : f32;
override UNBIAS : f32;                 // COUNT / (COUNT - 1)

@group(0) @binding(0) var<storage, read> mean : array<f32>;          // [C], as are all
@group(0) @binding(1) var<storage, read> variance : array<f32>;
@group(0) @binding(2) var<storage, read_write> runningMean : array<f32>;
@group(0) @binding(3) var<storage, read_write> runningVariance : array<f32>;

@compute @workgroup_size(64)
fn update(@builtin(global_invocation_id) id : vec3u) {
  let c = id.x;
  if (c >= C) { return; }
  runningMean[c] = (1.0 - SHARE) * runningMean[c] + SHARE * mean[c];
  runningVariance[c] = (1.0 - SHARE) * runningVariance[c] + SHARE * UNBIAS * variance[c];
}
