// y[n,c,p,q]  = max over r,s < SIZE of x[n,c,h,v]     h = p*STRIDE - TOP + r,  v = q*STRIDE - LEFT + s
// argmax      = h*W + v of the first maximum (row by row), as PyTorch breaks ties
// dx[n,c,h,v] = sum of dy[n,c,p,q] over the outputs whose argmax is (h,v): a gather over the covering outputs
// Outside x is ignored.

override C : u32;
override H : i32;
override W : i32;
override P : i32;
override Q : i32;
override SIZE : i32;
override STRIDE : i32;
override TOP : i32;
override LEFT : i32;
override ACCUMULATE : bool = false;

@group(0) @binding(0) var<storage, read> x : array<f32>;             // [N,C,H,W]
@group(0) @binding(1) var<storage, read_write> y : array<f32>;       // [N,C,P,Q]
@group(0) @binding(2) var<storage, read_write> argmax : array<u32>;  // [N,C,P,Q]
@group(0) @binding(3) var<storage, read> dy : array<f32>;            // [N,C,P,Q]
@group(0) @binding(4) var<storage, read_write> dx : array<f32>;      // [N,C,H,W]

@compute @workgroup_size(64)
fn forward(@builtin(global_invocation_id) id : vec3u) {
  let c = id.x / u32(P * Q);
  if (c >= C) { return; }
  let top = i32(id.x) / Q % P * STRIDE - TOP;
  let left = i32(id.x) % Q * STRIDE - LEFT;
  let plane = i32(id.y * C + c) * H * W;

  var best = max(top, 0) * W + max(left, 0);
  for (var h = max(top, 0); h < min(top + SIZE, H); h++) {
    for (var v = max(left, 0); v < min(left + SIZE, W); v++) {
      if (x[plane + h * W + v] > x[plane + best]) { best = h * W + v; }
    }
  }
  let i = id.y * C * u32(P * Q) + id.x;
  y[i] = x[plane + best];
  argmax[i] = u32(best);
}

@compute @workgroup_size(64)
fn backward_x(@builtin(global_invocation_id) id : vec3u) {
  let c = id.x / u32(H * W);
  if (c >= C) { return; }
  let own = id.x % u32(H * W);
  let h = i32(own) / W + TOP;
  let v = i32(own) % W + LEFT;
  let plane = i32(id.y * C + c) * P * Q;

  var d = 0.0;
  for (var p = max(0, (h - SIZE + STRIDE) / STRIDE); p < min(P, h / STRIDE + 1); p++) {
    for (var q = max(0, (v - SIZE + STRIDE) / STRIDE); q < min(Q, v / STRIDE + 1); q++) {
      if (argmax[plane + p * Q + q] == own) { d += dy[plane + p * Q + q]; }
    }
  }
  let i = id.y * C * u32(H * W) + id.x;
  if (ACCUMULATE) { d += dx[i]; }
  dx[i] = d;
}
