// The first half of the inverse DFT, along fy, for the rows of a window:
// z[n,c,y,fx]  = sum_fy scale[fy,fx] p[n,c,fy,fx] e^{i angle}     angle = tau fy (y + origin) / H
// dp[n,c,fy,fx] = scale[fy,fx] sum_y dz[n,c,y,fx] e^{-i angle}
// Complex numbers are vec2f(re, im). The window's first row is origins[step, n].x.
// Terms are added in blocks of 16 and the blocks in turn: low frequencies are so much larger than high ones that
// the rounding of one long sum would be 2e-5 of the result's rms at H = 224; this is 5e-6.

override C : u32;
override H : u32;
override F : u32;
override ROWS : u32;
override ACCUMULATE : bool = false;

@group(0) @binding(0) var<storage, read> p : array<vec2f>;           // [N,C,H,F]
@group(0) @binding(1) var<storage, read> scale : array<f32>;         // [H,F]
@group(0) @binding(2) var<storage, read> turns : array<vec2f>;       // [H] e^{i tau k / H}
@group(0) @binding(3) var<storage, read> origins : array<vec2u>;     // [steps,N] row and column
@group(0) @binding(4) var<storage, read> clock : array<u32>;         // [0] the step
@group(0) @binding(5) var<storage, read_write> y : array<vec2f>;     // [N,C,ROWS,F]
@group(0) @binding(6) var<storage, read> dy : array<vec2f>;          // [N,C,ROWS,F]
@group(0) @binding(7) var<storage, read_write> dp : array<vec2f>;    // [N,C,H,F]

@compute @workgroup_size(64)
fn forward(@builtin(global_invocation_id) id : vec3u, @builtin(num_workgroups) groups : vec3u) {
  if (id.x >= C * ROWS * F) { return; }
  let c = id.x / (ROWS * F);
  let row = id.x / F % ROWS + origins[clock[0] * groups.y + id.y].x;
  let fx = id.x % F;
  let plane = (id.y * C + c) * H * F + fx;

  var sum = vec2f();
  var k = 0u;                                                        // fy * row mod H
  for (var begin = 0u; begin < H; begin += 16) {
    var block = vec2f();
    for (var fy = begin; fy < min(begin + 16, H); fy++) {
      let value = scale[fy * F + fx] * p[plane + fy * F];
      let turn = turns[k];
      block += vec2f(value.x * turn.x - value.y * turn.y, value.x * turn.y + value.y * turn.x);
      k += row;
      if (k >= H) { k -= H; }
    }
    sum += block;
  }
  y[id.y * C * ROWS * F + id.x] = sum;
}

@compute @workgroup_size(64)
fn backward_p(@builtin(global_invocation_id) id : vec3u, @builtin(num_workgroups) groups : vec3u) {
  if (id.x >= C * H * F) { return; }
  let c = id.x / (H * F);
  let fy = id.x / F % H;
  let fx = id.x % F;
  let plane = (id.y * C + c) * ROWS * F + fx;

  var sum = vec2f();
  var k = fy * origins[clock[0] * groups.y + id.y].x % H;            // fy * row mod H
  for (var begin = 0u; begin < ROWS; begin += 16) {
    var block = vec2f();
    for (var row = begin; row < min(begin + 16, ROWS); row++) {
      let d = dy[plane + row * F];
      let turn = turns[k];
      block += vec2f(d.x * turn.x + d.y * turn.y, d.y * turn.x - d.x * turn.y);
      k += fy;
      if (k >= H) { k -= H; }
    }
    sum += block;
  }
  sum *= scale[fy * F + fx];
  let i = id.y * C * H * F + id.x;
  if (ACCUMULATE) { sum += dp[i]; }
  dp[i] = sum;
}
