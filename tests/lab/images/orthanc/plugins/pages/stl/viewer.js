'use strict';

const SHADERS = {
  VERTEX_SHADER: `
    attribute vec3 position; attribute vec3 normal;
    uniform mat3 rotation; uniform float zoom; uniform float aspect; varying float light;
    void main() {
      vec3 p = rotation * position * zoom;
      light = 0.25 + 0.75 * abs((rotation * normal).z);
      gl_Position = vec4(p.x / aspect, p.y, p.z * 0.1, 1.0);
    }`,
  FRAGMENT_SHADER: `
    precision mediump float; varying float light;
    void main() { gl_FragColor = vec4(vec3(0.93, 0.89, 0.80) * light, 1.0); }`,
};

function binaryTriangles(buffer) {
  const view = new DataView(buffer);
  const count = buffer.byteLength < 84 ? -1 : view.getUint32(80, true);
  if (buffer.byteLength < 84 + count * 50 || count < 0) {
    return null;
  }
  const positions = new Float32Array(count * 9);
  for (let triangle = 0; triangle < count; triangle += 1) {
    for (let i = 0; i < 9; i += 1) {
      positions[triangle * 9 + i] = view.getFloat32(84 + triangle * 50 + 12 + i * 4, true);
    }
  }
  return positions;
}

function textTriangles(buffer) {
  const numbers = [];
  for (const found of new TextDecoder().decode(buffer).matchAll(/vertex\s+(\S+)\s+(\S+)\s+(\S+)/g)) {
    numbers.push(Number(found[1]), Number(found[2]), Number(found[3]));
  }
  return new Float32Array(numbers);
}

// A binary file may begin with "solid" too, but only a text has no consistent count of triangles.
function readTriangles(buffer) {
  return binaryTriangles(buffer) || textTriangles(buffer);
}

function normalsOf(positions) {
  const normals = new Float32Array(positions.length);
  for (let i = 0; i < positions.length; i += 9) {
    const [ax, ay, az, bx, by, bz, cx, cy, cz] = positions.subarray(i, i + 9);
    const n = [(by - ay) * (cz - az) - (bz - az) * (cy - ay), (bz - az) * (cx - ax) - (bx - ax) * (cz - az),
      (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)];
    const length = Math.hypot(...n) || 1;
    for (let j = 0; j < 9; j += 1) {
      normals[i + j] = n[j % 3] / length;
    }
  }
  return normals;
}

// The model in the middle, its largest side 1.6 of the 2 units of the view.
function centered(positions) {
  const low = [Infinity, Infinity, Infinity];
  const high = [-Infinity, -Infinity, -Infinity];
  positions.forEach((value, i) => {
    low[i % 3] = Math.min(low[i % 3], value);
    high[i % 3] = Math.max(high[i % 3], value);
  });
  const size = Math.max(...high.map((value, i) => value - low[i])) || 1;
  return positions.map((value, i) => ((value - (low[i % 3] + high[i % 3]) / 2) * 1.6) / size);
}

function makeProgram(gl) {
  const program = gl.createProgram();
  for (const [kind, source] of Object.entries(SHADERS)) {
    const shader = gl.createShader(gl[kind]);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  gl.useProgram(program);
  return program;
}

function rotation(yaw, pitch) {
  const [a, b, c, d] = [Math.cos(yaw), Math.sin(yaw), Math.cos(pitch), Math.sin(pitch)];
  return [a, b * d, b * c, 0, c, -d, -b, a * d, a * c];
}

function show(canvas, positions) {
  const gl = canvas.getContext('webgl', { preserveDrawingBuffer: true });
  if (!gl) {
    throw new Error('This browser has no WebGL');
  }
  const program = makeProgram(gl);
  for (const [name, data] of [['position', centered(positions)], ['normal', normalsOf(positions)]]) {
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, data, gl.STATIC_DRAW);
    const location = gl.getAttribLocation(program, name);
    gl.enableVertexAttribArray(location);
    gl.vertexAttribPointer(location, 3, gl.FLOAT, false, 0, 0);
  }
  gl.enable(gl.DEPTH_TEST);
  const view = { yaw: 0.6, pitch: -1.2, zoom: 1 };

  function draw() {
    canvas.width = canvas.clientWidth;
    canvas.height = canvas.clientHeight;
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clearColor(0.125, 0.157, 0.188, 1);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    gl.uniformMatrix3fv(gl.getUniformLocation(program, 'rotation'), false, rotation(view.yaw, view.pitch));
    gl.uniform1f(gl.getUniformLocation(program, 'zoom'), view.zoom);
    gl.uniform1f(gl.getUniformLocation(program, 'aspect'), canvas.width / canvas.height);
    gl.drawArrays(gl.TRIANGLES, 0, positions.length / 3);
  }

  canvas.addEventListener('pointermove', (event) => {
    if (event.buttons) {
      view.yaw += event.movementX / 150;
      view.pitch += event.movementY / 150;
      draw();
    }
  });
  canvas.addEventListener('wheel', (event) => {
    view.zoom *= event.deltaY < 0 ? 1.1 : 0.9;
    draw();
  }, { passive: true });
  window.addEventListener('resize', draw);
  draw();
}

async function start() {
  const parameters = new URLSearchParams(window.location.search);
  const headers = parameters.has('token') ? { Authorization: `Bearer ${parameters.get('token')}` } : {};
  const answer = await fetch(`../../instances/${parameters.get('instance')}/stl`, { headers });
  if (!answer.ok) {
    throw new Error(`The model can't be read: ${answer.status} ${answer.statusText}`);
  }
  const positions = readTriangles(await answer.arrayBuffer());
  show(document.querySelector('canvas'), positions);
  document.getElementById('message').textContent = `${positions.length / 9} triangles`;
}

start().catch((error) => {
  document.getElementById('message').textContent = error.message;
});
