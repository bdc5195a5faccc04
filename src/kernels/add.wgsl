// y  = a[window] + b       the residual sum; the window of a starts at (TOP, LEFT) and has the size of b
// da = dy inside the window, 0 outside            db = dy
// RECTIFY: the sum takes max(a, 0), and da is 0 where a <= 0
// With Element = vec4f it is the same for tensors whose pixels hold four channels.

alias Element = f32;

override C : u32;
override H : u32;
override W : u32;
override P : u32;
override Q : u32;
override TOP : u32;
override LEFT : u32;
override RECTIFY : bool = false;
override ACCUMULATE : bool = false;

@group(0) @binding(0) var<storage, read> a : array<Element>;             // [N,C,H,W]
@group(0) @binding(1) var<storage, read> b : array<Element>;             // [N,C,P,Q]
@group(0) @binding(2) var<storage, read_write> y : array<Element>;       // [N,C,P,Q]
@group(0) @binding(3) var<storage, read> dy : array<Element>;            // [N,C,P,Q]
@group(0) @binding(4) var<storage, read_write> da : array<Element>;      // [N,C,H,W]
@group(0) @binding(5) var<storage, read_write> db : array<Element>;      // [N,C,P,Q]

@compute @workgroup_size(64)
fn forward(@builtin(global_invocation_id) id : vec3u) {
  if (id.x >= C * P * Q) { return; }
  let c = id.x / (P * Q);
  let h = id.x / Q % P + TOP;
  let v = id.x % Q + LEFT;
  let i = id.y * C * P * Q + id.x;
  var bypass = a[((id.y * C + c) * H + h) * W + v];
  if (RECTIFY) { bypass = max(bypass, Element()); }
  y[i] = bypass + b[i];
}

@compute @workgroup_size(64)
fn backward_a(@builtin(global_invocation_id) id : vec3u) {
  if (id.x >= C * H * W) { return; }
  let c = id.x / (H * W);
  let h = id.x / W % H;
  let v = id.x % W;
  let i = id.y * C * H * W + id.x;
  var d = Element();
  if (h >= TOP && h < TOP + P && v >= LEFT && v < LEFT + Q) {
    d = dy[((id.y * C + c) * P + h - TOP) * Q + v - LEFT];
  }
  if (RECTIFY) { d = select(Element(), d, a[i] > Element()); }
  if (ACCUMULATE) { d += da[i]; }
  da[i] = d;
}

@compute @workgroup_size(64)
fn backward_b(@builtin(global_invocation_id) id : vec3u) {
  if (id.x >= C * P * Q) { return; }
  let i = id.y * C * P * Q + id.x;
  var d = dy[i];
  if (ACCUMULATE) { d += db[i]; }
  db[i] = d;
}
