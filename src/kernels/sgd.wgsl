// d = g + DECAY p          m = MOMENTUM m + d          p = p - rates[step] m          descent, as PyTorch's SGD

override SIZE : u32;
override MOMENTUM : f32;
override DECAY : f32;

@group(0) @binding(0) var<storage, read_write> p : array<f32>;       // any shape, as are m and g
@group(0) @binding(1) var<storage, read_write> m : array<f32>;
@group(0) @binding(2) var<storage, read> g : array<f32>;
@group(0) @binding(3) var<storage, read> rates : array<f32>;         // [steps]
@group(0) @binding(4) var<storage, read> clock : array<u32>;         // [0] the step

@compute @workgroup_size(64)
fn update(@builtin(global_invocation_id) id : vec3u) {
  if (id.x >= SIZE) { return; }
  let m_new = MOMENTUM * m[id.x] + (g[id.x] + DECAY * p[id.x]);
  m[id.x] = m_new;
  p[id.x] -= rates[clock[0]] * m_new;
}
