// y = (x - MEAN[c]) / STD[c]      dx = dy / STD[c]      ImageNet's statistics, three channels

const MEAN = array<f32, 3>(0.485, 0.456, 0.406);
const STD = array<f32, 3>(0.229, 0.224, 0.225);

override PIXELS : u32;
override ACCUMULATE : bool = false;

@group(0) @binding(0) var<storage, read> x : array<f32>;             // [N,3,pixels]
@group(0) @binding(1) var<storage, read_write> y : array<f32>;
@group(0) @binding(2) var<storage, read> dy : array<f32>;
@group(0) @binding(3) var<storage, read_write> dx : array<f32>;

@compute @workgroup_size(64)
fn forward(@builtin(global_invocation_id) id : vec3u) {
  if (id.x >= 3 * PIXELS) { return; }
  var mean = MEAN;
  var deviation = STD;
  let c = id.x / PIXELS;
  let i = id.y * 3 * PIXELS + id.x;
  y[i] = (x[i] - mean[c]) / deviation[c];
}

@compute @workgroup_size(64)
fn backward_x(@builtin(global_invocation_id) id : vec3u) {
  if (id.x >= 3 * PIXELS) { return; }
  var deviation = STD;
  let i = id.y * 3 * PIXELS + id.x;
  var d = dy[i] / deviation[id.x / PIXELS];
  if (ACCUMULATE) { d += dx[i]; }
  dx[i] = d;
}
