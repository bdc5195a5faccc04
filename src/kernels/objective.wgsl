// y[n]        = mean of x[n, channels[n], h, v] over a region of REGION_H x REGION_W pixels from (TOP, LEFT)
// dx[n,c,h,v] = dy[n] / pixels of the region inside it, 0 elsewhere
// A centre unit is a region of one pixel, a channel is the whole map.

override C : u32;
override H : u32;
override W : u32;
override TOP : u32;
override LEFT : u32;
override REGION_H : u32;
override REGION_W : u32;
override ACCUMULATE : bool = false;

@group(0) @binding(0) var<storage, read> x : array<f32>;             // [N,C,H,W]
@group(0) @binding(1) var<storage, read> channels : array<u32>;      // [N]
@group(0) @binding(2) var<storage, read_write> y : array<f32>;       // [N]
@group(0) @binding(3) var<storage, read> dy : array<f32>;            // [N]
@group(0) @binding(4) var<storage, read_write> dx : array<f32>;      // [N,C,H,W]

@compute @workgroup_size(64)
fn forward(@builtin(global_invocation_id) id : vec3u) {
  if (id.x > 0) { return; }
  let plane = (id.y * C + channels[id.y]) * H * W;
  var sum = 0.0;
  for (var h = TOP; h < TOP + REGION_H; h++) {
    for (var v = LEFT; v < LEFT + REGION_W; v++) { sum += x[plane + h * W + v]; }
  }
  y[id.y] = sum / f32(REGION_H * REGION_W);
}

@compute @workgroup_size(64)
fn backward_x(@builtin(global_invocation_id) id : vec3u) {
  if (id.x >= C * H * W) { return; }
  let h = id.x / W % H;
  let v = id.x % W;
  let inside = h >= TOP && h < TOP + REGION_H && v >= LEFT && v < LEFT + REGION_W;
  var d = 0.0;
  if (id.x / (H * W) == channels[id.y] && inside) { d = dy[id.y] / f32(REGION_H * REGION_W); }
  let i = id.y * C * H * W + id.x;
  if (ACCUMULATE) { d += dx[i]; }
  dx[i] = d;
}
