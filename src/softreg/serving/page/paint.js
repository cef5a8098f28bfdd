// 28 x 28 numbers become pixels. Ink is drawn in the colour of ink; signed numbers in orange (for) and blue (against).

export function decode({ shape, type, scale, bytes }) {
  const raw = Uint8Array.from(atob(bytes), (c) => c.charCodeAt(0));
  return { shape, values: type === "int8" ? new Int8Array(raw.buffer) : raw, scale };
}

export function slice({ shape, values, scale }, i) {
  const [height, width] = shape.slice(-2);
  return { shape: [height, width], values: values.subarray(i * height * width, (i + 1) * height * width), scale };
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim().split(/\s+/).map(Number);
}

function paint(canvas, [height, width], rgba) {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) image.data.set(rgba(i), 4 * i);
  canvas.getContext("2d").putImageData(image, 0, 0);
}

export function paintInk(canvas, { shape, values }) {
  const [r, g, b] = colour("--ink-rgb");
  paint(canvas, shape, (i) => [r, g, b, values[i]]);
}

// A picture as it is: grey or coloured. What was drawn on the sheet takes the colours of the page instead, ink on nothing.
export function paintPicture(canvas, { shape, values }, drawn) {
  const [height, width, channels = 1] = shape, ink = colour("--ink-rgb");
  paint(canvas, [height, width], (i) => {
    const [r, g = r, b = r] = values.subarray(channels * i, channels * (i + 1));
    return drawn && r === g && g === b ? [...ink, 255 - r] : [r, g, b, 255];
  });
}

// `most` is the magnitude painted in full colour; `under` an image whose ink shines through where nothing is said.
export function paintSigned(canvas, { shape, values, scale }, most, under = null) {
  const plus = colour("--for-rgb"), minus = colour("--against-rgb"), ink = colour("--ink-rgb");
  paint(canvas, shape, (i) => {
    const strength = Math.min(1, Math.abs(values[i] * scale) / most) ** 0.7;
    const rest = under ? (under.values[i] / 255) * 0.13 * (1 - strength) : 0;
    const alpha = strength + rest;
    if (!alpha) return [0, 0, 0, 0];
    const tint = values[i] > 0 ? plus : minus;
    return [...tint.map((c, k) => (c * strength + ink[k] * rest) / alpha), 255 * alpha];
  });
}

export function largest({ values, scale }) {
  let most = 0;
  for (const value of values) most = Math.max(most, Math.abs(value));
  return most * scale || 1;
}

// An element with its class, text and children: all the page makes of HTML is made here, never from strings of markup.
export function make(tag, properties = {}, ...children) {
  const { dataset, attributes = {}, ...rest } = properties;
  const element = Object.assign(document.createElement(tag), rest);
  Object.assign(element.dataset, dataset);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

export function pixels(label, size = 28) {
  return make("canvas", { className: "pixels", width: size, height: size, attributes: { role: "img", "aria-label": label } });
}
