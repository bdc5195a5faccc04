// y[n,k,p,q]  = sum_{c,r,s} w[k,c,r,s] x[n,c,h,v]    h = p*STRIDE - TOP + r,  v = q*STRIDE - LEFT + s
// dx[n,c,h,v] = sum_{k,r,s} w[k,c,r,s] dy[n,k,p,q]   over the (p,q,r,s) that reach (h,v)
// dw[k,c,r,s] = sum_{n,p,q} dy[n,k,p,q] x[n,c,h,v]   each group of SAMPLES samples by itself, then over the groups
// Outside x reads 0. TOP and LEFT may be negative: the convolution then starts inside x (a window).
// One invocation owns one element of the result; sums run in a fixed order.

override C : u32;
override H : i32;
override W : i32;
override K : u32;
override P : i32;
override Q : i32;
override R : i32;
override S : i32;
override STRIDE : i32;
override TOP : i32;
override LEFT : i32;
override N : u32;
override SAMPLES : u32;
override ACCUMULATE : bool = false;

@group(0) @binding(0) var<storage, read> x : array<f32>;             // [N,C,H,W]
@group(0) @binding(1) var<storage, read> w : array<f32>;             // [K,C,R,S]
@group(0) @binding(2) var<storage, read_write> y : array<f32>;       // [N,K,P,Q]
@group(0) @binding(3) var<storage, read> dy : array<f32>;            // [N,K,P,Q]
@group(0) @binding(4) var<storage, read_write> dx : array<f32>;      // [N,C,H,W]
@group(0) @binding(5) var<storage, read_write> parts : array<f32>;   // [groups,K,C,R,S]
@group(0) @binding(6) var<storage, read_write> dw : array<f32>;      // [K,C,R,S]

@compute @workgroup_size(64)
fn forward(@builtin(global_invocation_id) id : vec3u) {
  let k = id.x / u32(P * Q);
  if (k >= K) { return; }
  let p = i32(id.x) / Q % P;
  let q = i32(id.x) % Q;

  let top = p * STRIDE - TOP;
  let left = q * STRIDE - LEFT;
  let r_begin = max(0, -top);
  let r_end = min(R, H - top);
  let s_begin = max(0, -left);
  let s_end = min(S, W - left);

  var sum = 0.0;
  for (var c = 0u; c < C; c++) {
    let x_plane = i32((id.y * C + c)) * H * W + top * W + left;
    let w_plane = i32(k * C + c) * R * S;
    var part = 0.0;                    // by itself: fewer roundings of a large sum
    for (var r = r_begin; r < r_end; r++) {
      for (var s = s_begin; s < s_end; s++) {
        part += w[w_plane + r * S + s] * x[x_plane + r * W + s];
      }
    }
    sum += part;
  }
  y[id.y * K * u32(P * Q) + id.x] = sum;
}

@compute @workgroup_size(64)
fn backward_x(@builtin(global_invocation_id) id : vec3u) {
  let c = id.x / u32(H * W);
  if (c >= C) { return; }
  let h = i32(id.x) / W % H + TOP;     // counted from where the filter's first position starts
  let v = i32(id.x) % W + LEFT;

  // p = (h - r) / STRIDE must be whole and in [0,P); likewise q
  let p_low = max(0, (h - R + STRIDE) / STRIDE);
  let p_high = min(P, h / STRIDE + 1);
  let q_low = max(0, (v - S + STRIDE) / STRIDE);
  let q_high = min(Q, v / STRIDE + 1);

  var sum = 0.0;
  if (h >= 0 && v >= 0) {
    for (var k = 0u; k < K; k++) {
      let dy_plane = i32(id.y * K + k) * P * Q;
      let w_plane = i32(k * C + c) * R * S;
      var part = 0.0;
      for (var p = p_low; p < p_high; p++) {
        for (var q = q_low; q < q_high; q++) {
          part += w[w_plane + (h - p * STRIDE) * S + v - q * STRIDE] * dy[dy_plane + p * Q + q];
        }
      }
      sum += part;
    }
  }
  let i = id.y * C * u32(H * W) + id.x;
  if (ACCUMULATE) { sum += dx[i]; }
  dx[i] = sum;
}

@compute @workgroup_size(64)
fn group_w(@builtin(global_invocation_id) id : vec3u) {
  let k = id.x / (C * u32(R * S));
  if (k >= K) { return; }
  let c = id.x / u32(R * S) % C;
  let top = i32(id.x) / S % R - TOP;   // the row of x that this weight meets at p = 0
  let left = i32(id.x) % S - LEFT;

  // p * STRIDE + top must be in [0,H): from ceil(-top / STRIDE) to below ceil((H - top) / STRIDE); likewise q
  let p_low = max(0, (STRIDE - 1 - top) / STRIDE);
  let p_high = min(P, (STRIDE - 1 + H - top) / STRIDE);
  let q_low = max(0, (STRIDE - 1 - left) / STRIDE);
  let q_high = min(Q, (STRIDE - 1 + W - left) / STRIDE);

  var sum = 0.0;
  for (var n = id.y * SAMPLES; n < min(N, (id.y + 1) * SAMPLES); n++) {
    for (var p = p_low; p < p_high; p++) {
      let x_row = (i32(n * C + c) * H + p * STRIDE + top) * W + left;
      let dy_row = (i32(n * K + k) * P + p) * Q;
      var part = 0.0;
      for (var q = q_low; q < q_high; q++) { part += dy[dy_row + q] * x[x_row + q * STRIDE]; }
      sum += part;
    }
  }
  parts[id.y * K * C * u32(R * S) + id.x] = sum;
}

@compute @workgroup_size(64)
fn backward_w(@builtin(global_invocation_id) id : vec3u) {
  let size = K * C * u32(R * S);
  if (id.x >= size) { return; }
  var sum = 0.0;
  for (var i = id.x; i < size * ((N + SAMPLES - 1) / SAMPLES); i += size) { sum += parts[i]; }
  if (ACCUMULATE) { sum += dw[id.x]; }
  dw[id.x] = sum;
}
