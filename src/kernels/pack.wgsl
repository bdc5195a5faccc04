// y[n,c/4,h,v,c%4] = x[n,c,h,v]     four channels of a pixel side by side, 0 where C is no multiple of 4
// dx = dy at the same places

override C : u32;
override PIXELS : u32;
override ACCUMULATE : bool = false;

@group(0) @binding(0) var<storage, read> x : array<f32>;             // [N,C,pixels]
@group(0) @binding(1) var<storage, read_write> y : array<f32>;       // [N,ceil(C/4),pixels,4]
@group(0) @binding(2) var<storage, read> dy : array<f32>;
@group(0) @binding(3) var<storage, read_write> dx : array<f32>;

@compute @workgroup_size(64)
fn forward(@builtin(global_invocation_id) id : vec3u) {
  let size = (C + 3) / 4 * 4 * PIXELS;
  if (id.x >= size) { return; }
  let c = id.x / (4 * PIXELS) * 4 + id.x % 4;
  var value = 0.0;
  if (c < C) { value = x[(id.y * C + c) * PIXELS + id.x / 4 % PIXELS]; }
  y[id.y * size + id.x] = value;
}

@compute @workgroup_size(64)
fn backward_x(@builtin(global_invocation_id) id : vec3u) {
  if (id.x >= C * PIXELS) { return; }
  let c = id.x / PIXELS;
  let plane = id.y * ((C + 3) / 4) + c / 4;
  let i = id.y * C * PIXELS + id.x;
  var d = dy[4 * (plane * PIXELS + id.x % PIXELS) + c % 4];
  if (ACCUMULATE) { d += dx[i]; }
  dx[i] = d;
}
