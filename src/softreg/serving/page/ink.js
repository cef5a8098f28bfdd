// The sheet: strokes from mouse, finger, pen or keys, or a picture laid upon it. Kept as strokes, so they can be undone.

const SENT = 128; // pixels of the picture that is sent
const WIDTH = 0.062; // of a stroke, in sheets

export class Ink {
  constructor(canvas, sheet, pen, changed) {
    Object.assign(this, { canvas, sheet, pen, changed, strokes: [], picture: null, current: null, cursor: [0.5, 0.5] });
    this.small = Object.assign(document.createElement("canvas"), { width: SENT, height: SENT });
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => this.#up());
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => this.#lift());
    new ResizeObserver(() => this.redraw()).observe(canvas);
  }

  get empty() { return !this.strokes.length && !this.picture; }

  clear() { this.strokes = []; this.picture = null; this.current = null; this.#touched(); }

  undo() { if (!this.strokes.pop()) this.picture = null; this.#touched(); }

  async lay(blob) {
    const bitmap = await createImageBitmap(blob);
    this.strokes = [];
    this.picture = { bitmap, blob: await bounded(blob, bitmap) };
    this.#touched();
  }

  // What is sent: the picture as it came if nothing was drawn on it, else what the sheet shows, black on white.
  blob() {
    if (this.picture && !this.strokes.length) return this.picture.blob;
    const context = this.small.getContext("2d", { willReadFrequently: true });
    context.fillStyle = "#fff";
    context.fillRect(0, 0, SENT, SENT);
    this.#draw(context, SENT, "#000");
    return bitmap(context.getImageData(0, 0, SENT, SENT).data, SENT);
  }

  redraw() {
    const side = Math.round(this.canvas.clientWidth * devicePixelRatio);
    if (!side) return;
    if (this.canvas.width !== side) this.canvas.width = this.canvas.height = side;
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, side, side);
    this.#draw(context, side, getComputedStyle(this.canvas).color);
  }

  #draw(context, side, colour) {
    if (this.picture) {
      const { bitmap } = this.picture, scale = side / Math.max(bitmap.width, bitmap.height);
      const [w, h] = [bitmap.width * scale, bitmap.height * scale];
      context.drawImage(bitmap, (side - w) / 2, (side - h) / 2, w, h);
    }
    Object.assign(context, { strokeStyle: colour, fillStyle: colour, lineCap: "round", lineJoin: "round" });
    for (const stroke of this.strokes) drawStroke(context, stroke, side);
  }

  #point(event) {
    const box = this.canvas.getBoundingClientRect();
    const pressure = event.pointerType === "pen" && event.pressure ? 0.45 + 1.1 * event.pressure : 1;
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height, pressure];
  }

  #down(event) {
    if (event.button > 0 || this.current) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.strokes.push((this.current = [this.#point(event)]));
    this.#touched(event.timeStamp);
  }

  #move(event) {
    if (!this.current || this.current.byKeys) return;
    const events = event.getCoalescedEvents?.() ?? [];
    for (const each of events.length ? events : [event]) this.current.push(this.#point(each));
    this.#touched(event.timeStamp);
  }

  #up() { if (this.current && !this.current.byKeys) this.current = null; }

  // Arrow keys move a pen, Space puts it down and lifts it.
  #key(event) {
    const step = event.shiftKey ? 0.1 : 0.025;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    const { key } = event;
    if (key in moves) this.cursor = this.cursor.map((at, i) => Math.min(0.98, Math.max(0.02, at + moves[key][i])));
    else if (key === " " || key === "Enter") this.current ? this.#lift() : this.#lower();
    else if (key === "Delete" || key === "Backspace") this.clear();
    else if (key === "z" && (event.ctrlKey || event.metaKey)) this.undo();
    else return;
    event.preventDefault();
    this.#showPen();
    if (this.current?.byKeys && key in moves) {
      this.current.push([...this.cursor, 1]);
      this.#touched(event.timeStamp);
    }
  }

  #lower() {
    this.current = Object.assign([[...this.cursor, 1]], { byKeys: true });
    this.strokes.push(this.current);
    this.#touched();
  }

  #lift() { if (this.current?.byKeys) this.current = null; this.pen.hidden = true; }

  #showPen() {
    this.pen.hidden = false;
    this.pen.classList.toggle("down", Boolean(this.current));
    [this.pen.style.left, this.pen.style.top] = this.cursor.map((at) => `${100 * at}%`);
  }

  #touched(since = performance.now()) {
    this.sheet.classList.toggle("inked", !this.empty);
    this.redraw();
    this.changed(since);
  }
}

// Through the midpoints of what the pointer reported: a line as smooth as the hand was.
function drawStroke(context, points, side) {
  const width = (pressure) => pressure * WIDTH * side;
  const at = ([x, y]) => [x * side, y * side];
  if (points.length === 1) {
    context.beginPath();
    context.arc(...at(points[0]), width(points[0][2]) / 2, 0, 7);
    context.fill();
    return;
  }
  let from = at(points[0]);
  for (let i = 1; i < points.length; i++) {
    const here = at(points[i]), last = i === points.length - 1;
    const next = last ? here : at(points[i + 1]);
    const to = last ? here : [(here[0] + next[0]) / 2, (here[1] + next[1]) / 2];
    context.lineWidth = width((points[i - 1][2] + points[i][2]) / 2);
    context.beginPath();
    context.moveTo(...from);
    context.quadraticCurveTo(...here, ...to);
    context.stroke();
    from = to;
  }
}

// A grey BMP of RGBA pixels. Made here and at once: the browser's own toBlob waits until the page is idle, which a page drawn on is not.
function bitmap(rgba, side) {
  const start = 54 + 4 * 256, size = start + side * side, view = new DataView(new ArrayBuffer(size));
  const fields = [[2, size], [10, start], [14, 40], [18, side], [22, side], [34, side * side], [46, 256]];
  view.setUint16(0, 0x424d); // "BM"
  for (const [at, value] of fields) view.setUint32(at, value, true);
  view.setUint16(26, 1, true); // plane
  view.setUint16(28, 8, true); // bits a pixel
  for (let grey = 0; grey < 256; grey++) view.setUint32(54 + 4 * grey, grey * 0x010101, true);
  for (let y = 0; y < side; y++) // from the bottom row up; a row is a multiple of four bytes, as it must be
    for (let x = 0; x < side; x++) view.setUint8(start + (side - 1 - y) * side + x, rgba[4 * (y * side + x)]);
  return new Blob([view.buffer], { type: "image/bmp" });
}

// A camera's picture is made smaller before it is sent: the server takes at most 1 MiB.
async function bounded(blob, bitmap, side = 1024) {
  if (blob.size < 900_000 && ["image/png", "image/jpeg", "image/webp"].includes(blob.type)) return blob;
  const scale = Math.min(1, side / Math.max(bitmap.width, bitmap.height));
  const canvas = Object.assign(document.createElement("canvas"), { width: Math.ceil(bitmap.width * scale), height: Math.ceil(bitmap.height * scale) });
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.9));
}
