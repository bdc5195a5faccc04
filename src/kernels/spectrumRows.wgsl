// The second half of the inverse DFT, along fx, for the columns of a window; the result is real:
// y[n,c,row,x]  = sum_fx weight (re cos - im sin)                 angle = tau fx (x + origin) / W
// dz[n,c,row,fx] = weight (sum_x dy cos, -sum_x dy sin)
// weight = NORM for fx = 0 and fx = W/2, else 2 NORM: the missing half of the spectrum mirrors this one.
// Columns fx > W/2 (odd widths keep one more) do not count. Terms are added in blocks of 16, as in spectrumColumns.

override C : u32;
override W : u32;
override F : u32;
override ROWS : u32;
override COLUMNS : u32;
override NORM : f32;
override ACCUMULATE : bool = false;

@group(0) @binding(0) var<storage, read> z : array<vec2f>;           // [N,C,ROWS,F]
@group(0) @binding(1) var<storage, read> turns : array<vec2f>;       // [W] e^{i tau k / W}
@group(0) @binding(2) var<storage, read> origins : array<vec2u>;     // [steps,N] row and column
@group(0) @binding(3) var<storage, read> clock : array<u32>;         // [0] the step
@group(0) @binding(4) var<storage, read_write> y : array<f32>;       // [N,C,ROWS,COLUMNS]
@group(0) @binding(5) var<storage, read> dy : array<f32>;            // [N,C,ROWS,COLUMNS]
@group(0) @binding(6) var<storage, read_write> dz : array<vec2f>;    // [N,C,ROWS,F]

fn weight(fx : u32) -> f32 {
  return select(2 * NORM, NORM, fx == 0 || 2 * fx == W);
}

@compute @workgroup_size(64)
fn forward(@builtin(global_invocation_id) id : vec3u, @builtin(num_workgroups) groups : vec3u) {
  if (id.x >= C * ROWS * COLUMNS) { return; }
  let row = id.y * C * ROWS + id.x / COLUMNS;
  let column = id.x % COLUMNS + origins[clock[0] * groups.y + id.y].y;

  var sum = 0.0;
  var k = 0u;                                                        // fx * column mod W
  for (var begin = 0u; begin <= W / 2; begin += 16) {
    var block = 0.0;
    for (var fx = begin; fx < min(begin + 16, W / 2 + 1); fx++) {
      let value = weight(fx) * z[row * F + fx];
      let turn = turns[k];
      block += value.x * turn.x - value.y * turn.y;
      k += column;
      if (k >= W) { k -= W; }
    }
    sum += block;
  }
  y[id.y * C * ROWS * COLUMNS + id.x] = sum;
}

@compute @workgroup_size(64)
fn backward_z(@builtin(global_invocation_id) id : vec3u, @builtin(num_workgroups) groups : vec3u) {
  if (id.x >= C * ROWS * F) { return; }
  let row = id.y * C * ROWS + id.x / F;
  let fx = id.x % F;

  var sum = vec2f();
  if (2 * fx <= W) {
    var k = fx * origins[clock[0] * groups.y + id.y].y % W;          // fx * column mod W
    for (var begin = 0u; begin < COLUMNS; begin += 16) {
      var block = vec2f();
      for (var column = begin; column < min(begin + 16, COLUMNS); column++) {
        let d = dy[row * COLUMNS + column];
        block += vec2f(d, -d) * turns[k];
        k += fx;
        if (k >= W) { k -= W; }
      }
      sum += block;
    }
    sum *= weight(fx);
  }
  let i = id.y * C * ROWS * F + id.x;
  if (ACCUMULATE) { sum += dz[i]; }
  dz[i] = sum;
}
