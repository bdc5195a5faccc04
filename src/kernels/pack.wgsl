// pack     y[n,c/4,h,v,c%4] = x[n,c,h,v]     four channels of a pixel side by side, 0 where C is no multiple of 4
// unpack   y[n,c,h,v] = x[n,c/4,h,v,c%4]     dx of either is the other one of dy

override C : u32;
override PIXELS : u32;
override ACCUMULATE : bool = false;

// planar [N,C,pixels], packed [N,ceil(C/4),pixels,4]
@group(0) @binding(0) var<storage, read> x : array<f32>;
@group(0) @binding(1) var<storage, read_write> y : array<f32>;
@group(0) @binding(2) var<storage, read> dy : array<f32>;
@group(0) @binding(3) var<storage, read_write> dx : array<f32>;

const NOWHERE = 0xffffffffu;

// Where float i of a packed sample lies in the planar one, if it is not padding.
fn planar(i : u32) -> u32 {
  let c = i / (4 * PIXELS) * 4 + i % 4;
  return select(NOWHERE, c * PIXELS + i / 4 % PIXELS, c < C);
}

// Where float i of a planar sample lies in the packed one.
fn packed(i : u32) -> u32 {
  let c = i / PIXELS;
  return 4 * (c / 4 * PIXELS + i % PIXELS) + c % 4;
}

fn packed_size() -> u32 { return (C + 3) / 4 * 4 * PIXELS; }

@compute @workgroup_size(64)
fn pack(@builtin(global_invocation_id) id : vec3u) {
  if (id.x >= packed_size()) { return; }
  let place = planar(id.x);
  var value = 0.0;
  if (place != NOWHERE) { value = x[id.y * C * PIXELS + place]; }
  y[id.y * packed_size() + id.x] = value;
}

@compute @workgroup_size(64)
fn unpack(@builtin(global_invocation_id) id : vec3u) {
  if (id.x >= C * PIXELS) { return; }
  y[id.y * C * PIXELS + id.x] = x[id.y * packed_size() + packed(id.x)];
}

@compute @workgroup_size(64)
fn backward_pack(@builtin(global_invocation_id) id : vec3u) {
  if (id.x >= C * PIXELS) { return; }
  let i = id.y * C * PIXELS + id.x;
  var d = dy[id.y * packed_size() + packed(id.x)];
  if (ACCUMULATE) { d += dx[i]; }
  dx[i] = d;
}

@compute @workgroup_size(64)
fn backward_unpack(@builtin(global_invocation_id) id : vec3u) {
  if (id.x >= packed_size()) { return; }
  let place = planar(id.x);
  let i = id.y * packed_size() + id.x;
  var d = 0.0;
  if (place != NOWHERE) { d = dy[id.y * C * PIXELS + place]; }
  if (ACCUMULATE) { d += dx[i]; }
  dx[i] = d;
}
