// normalize.wgsl for packed images: y = (x - MEAN) / STD, dx = dy / STD; the fourth channel is 0 and stays 0

const MEAN = vec4f(0.485, 0.456, 0.406, 0);
const STD = vec4f(0.229, 0.224, 0.225, 1);

override PIXELS : u32;
override ACCUMULATE : bool = false;

@group(0) @binding(0) var<storage, read> x : array<vec4f>;           // [N,pixels]
@group(0) @binding(1) var<storage, read_write> y : array<vec4f>;
@group(0) @binding(2) var<storage, read> dy : array<vec4f>;
@group(0) @binding(3) var<storage, read_write> dx : array<vec4f>;

@compute @workgroup_size(64)
fn forward(@builtin(global_invocation_id) id : vec3u) {
  if (id.x >= PIXELS) { return; }
  let i = id.y * PIXELS + id.x;
  y[i] = (x[i] - MEAN) / STD;
}

@compute @workgroup_size(64)
fn backward_x(@builtin(global_invocation_id) id : vec3u) {
  if (id.x >= PIXELS) { return; }
  let i = id.y * PIXELS + id.x;
  var d = dy[i] / STD;
  if (ACCUMULATE) { d += dx[i]; }
  dx[i] = d;
}
