// The sheet: strokes from mouse, finger, pen or keys, or a picture beneath them. Strokes are kept, to be undone.

import { Drawing, PictureFile, smallEnough } from "./image_file.js";
import { context2d } from "./pixels.js";

const SENT_PIXELS = 128; // side of the picture that is sent
const STROKE_WIDTH = 0.062; // of the sheet

/** @typedef {[x: number, y: number, pressure: number]} Point x and y from 0 to 1 */
/** @typedef {{ points: Point[], pointer: number | null }} Stroke pointer: null of one that is drawn with keys */

const ERASER_REACH = 0.05; // of the sheet
const ERASER_BUTTON = 5; // the back end of a pen

export class Ink {
  /** @type {Stroke[]} */
  strokes = [];
  /** @type {PictureFile | null} */
  picture = null;
  /** @type {{ strokes: Stroke[], picture: PictureFile | null }[]} what the sheet showed before each change */
  history = [];
  isDemonstration = false; // whether the page itself has drawn what the sheet shows
  /** @type {number | null} the pointer that erases */
  eraser = null;
  /** @type {Stroke | null} the stroke being drawn */
  current = null;
  /** @type {[number, number]} where the keys' pen is */
  cursor = [0.5, 0.5];

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {HTMLElement} sheet
   * @param {HTMLElement} pen
   * @param {(since: number) => void} onChange called with the time of the event
   */
  constructor(canvas, sheet, pen, onChange) {
    this.canvas = canvas;
    this.sheet = sheet;
    this.pen = pen;
    this.onChange = onChange;
    this.small = Object.assign(document.createElement("canvas"), { width: SENT_PIXELS, height: SENT_PIXELS });
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    canvas.addEventListener("pointerup", (event) => this.#up(event));
    canvas.addEventListener("pointercancel", (event) => this.#up(event));
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("blur", () => this.#liftPen());
    new ResizeObserver(() => this.redraw()).observe(canvas);
  }

  get empty() {
    return !this.strokes.length && !this.picture;
  }

  get canUndo() {
    return this.history.length > 0;
  }

  /** @param {Stroke[]} strokes that the page draws: the next change begins with an empty sheet */
  demonstrate(strokes) {
    Object.assign(this, { strokes, isDemonstration: true });
    this.#changed();
  }

  endDemonstration() {
    if (!this.isDemonstration) return;
    Object.assign(this, { strokes: [], isDemonstration: false });
    this.#changed();
  }

  #remember() {
    this.endDemonstration();
    this.history.push({ strokes: [...this.strokes], picture: this.picture });
  }

  clear() {
    this.endDemonstration();
    if (!this.empty) this.#remember();
    this.strokes = [];
    this.picture = null;
    this.current = null;
    this.#changed();
  }

  undo() {
    const before = this.history.pop();
    if (!before) return;
    Object.assign(this, before, { current: null });
    this.#changed();
  }

  /**
   * Put a picture on the sheet; rejects if it is none.
   * @param {Blob} blob
   */
  async loadImage(blob) {
    const bitmap = await createImageBitmap(blob);
    const picture = new PictureFile(bitmap, await smallEnough(blob, bitmap));
    this.#remember();
    this.strokes = [];
    this.picture = picture;
    this.#changed();
  }

  /** @param {Stroke[]} strokes */
  loadStrokes(strokes) {
    this.#remember();
    this.strokes = strokes;
    this.picture = null;
    this.#changed();
  }

  /** Whether a pointer draws, be it at rest. */
  get isPenDown() {
    return typeof this.current?.pointer === "number";
  }

  /** What is to be read: the picture as it came if nothing was drawn on it, else what the sheet shows. */
  capture() {
    if (this.picture && !this.strokes.length) return this.picture;
    const context = this.small.getContext("2d", { willReadFrequently: true });
    if (!context) throw new TypeError("this browser has no 2D canvas");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, SENT_PIXELS, SENT_PIXELS);
    this.#draw(context, SENT_PIXELS, "#000");
    return new Drawing(context.getImageData(0, 0, SENT_PIXELS, SENT_PIXELS).data, SENT_PIXELS);
  }

  redraw() {
    const side = Math.round(this.canvas.clientWidth * devicePixelRatio);
    if (!side) return;
    if (this.canvas.width !== side) this.canvas.width = this.canvas.height = side;
    const context = context2d(this.canvas);
    context.clearRect(0, 0, side, side);
    this.#draw(context, side, getComputedStyle(this.canvas).color);
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {number} side
   * @param {string} colour
   */
  #draw(context, side, colour) {
    if (this.picture) {
      const { bitmap } = this.picture;
      const scale = side / Math.max(bitmap.width, bitmap.height);
      const [w, h] = [bitmap.width * scale, bitmap.height * scale];
      context.drawImage(bitmap, (side - w) / 2, (side - h) / 2, w, h);
    }
    Object.assign(context, { strokeStyle: colour, fillStyle: colour, lineCap: "round", lineJoin: "round" });
    for (const { points } of this.strokes) drawStroke(context, points, side);
  }

  /**
   * @param {PointerEvent} event
   * @returns {Point}
   */
  #point(event) {
    const box = this.canvas.getBoundingClientRect();
    const pressure = event.pointerType === "pen" && event.pressure ? 0.45 + 1.1 * event.pressure : 1;
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height, pressure];
  }

  /** @param {PointerEvent} event */
  #down(event) {
    if (this.current || this.eraser !== null) return; // a second finger, or a palm
    if (event.button === ERASER_BUTTON) {
      this.eraser = event.pointerId;
      this.#remember();
      return this.#erase(event);
    }
    if (event.button > 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.#remember();
    this.current = { points: [this.#point(event)], pointer: event.pointerId };
    this.strokes.push(this.current);
    this.#changed(event.timeStamp);
  }

  /** @param {PointerEvent} event */
  #move(event) {
    if (this.eraser === event.pointerId) return this.#erase(event);
    if (this.current?.pointer !== event.pointerId) return;
    const coalesced = event.getCoalescedEvents?.() ?? [];
    for (const moved of coalesced.length ? coalesced : [event]) this.current.points.push(this.#point(moved));
    this.#changed(event.timeStamp);
  }

  /** @param {PointerEvent} event */
  #up({ pointerId }) {
    if (this.eraser === pointerId) this.eraser = null;
    if (this.current?.pointer === pointerId) this.current = null;
  }

  /** @param {PointerEvent} event takes away the strokes that it touches */
  #erase(event) {
    const [x, y] = this.#point(event);
    const isTouched = (/** @type {Stroke} */ { points }) =>
      points.some(([u, v]) => Math.hypot(u - x, v - y) < ERASER_REACH);
    const rest = this.strokes.filter((stroke) => !isTouched(stroke));
    if (rest.length === this.strokes.length) return;
    this.strokes = rest;
    this.#changed(event.timeStamp);
  }

  /**
   * Arrow keys move a pen, Space or Enter puts it down and lifts it.
   * @param {KeyboardEvent} event
   */
  #key(event) {
    const { key } = event;
    const step = event.shiftKey ? 0.1 : 0.025;
    const move = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] }[key];
    if (move) this.#moveCursor(move[0], move[1]);
    else if (key === " " || key === "Enter") this.#togglePen();
    else if (key === "Delete" || key === "Backspace") this.clear();
    else if (key === "z" && (event.ctrlKey || event.metaKey)) this.undo();
    else return;
    event.preventDefault();
    this.#showPen();
    if (move && this.current?.pointer === null) {
      this.current.points.push([...this.cursor, 1]);
      this.#changed(event.timeStamp);
    }
  }

  /**
   * @param {number} right
   * @param {number} down
   */
  #moveCursor(right, down) {
    /** @param {number} at */
    const within = (at) => Math.min(0.98, Math.max(0.02, at));
    this.cursor = [within(this.cursor[0] + right), within(this.cursor[1] + down)];
  }

  #togglePen() {
    if (this.current) return this.#liftPen();
    this.#remember();
    this.current = { points: [[...this.cursor, 1]], pointer: null };
    this.strokes.push(this.current);
    this.#changed();
  }

  #liftPen() {
    if (this.current?.pointer === null) this.current = null;
    this.pen.hidden = true;
  }

  #showPen() {
    this.pen.hidden = false;
    this.pen.classList.toggle("down", Boolean(this.current));
    [this.pen.style.left, this.pen.style.top] = this.cursor.map((at) => `${100 * at}%`);
  }

  #changed(since = performance.now()) {
    this.sheet.classList.toggle("inked", !this.empty && !this.isDemonstration);
    this.sheet.classList.toggle("demonstration", this.isDemonstration);
    this.redraw();
    this.onChange(since);
  }
}

/**
 * A smooth line through the midpoints of what the pointer reported.
 * @param {CanvasRenderingContext2D} context
 * @param {Point[]} points
 * @param {number} side
 */
function drawStroke(context, points, side) {
  /** @param {number} pressure */
  const width = (pressure) => pressure * STROKE_WIDTH * side;
  /**
   * @param {Point} point
   * @returns {[number, number]}
   */
  const at = ([x, y]) => [x * side, y * side];
  if (points.length === 1) {
    context.beginPath();
    context.arc(...at(points[0]), width(points[0][2]) / 2, 0, 7);
    context.fill();
    return;
  }
  let from = at(points[0]);
  for (let i = 1; i < points.length; i++) {
    const here = at(points[i]);
    const next = at(points[Math.min(i + 1, points.length - 1)]);
    /** @type {[number, number]} */
    const to = [(here[0] + next[0]) / 2, (here[1] + next[1]) / 2]; // the last point itself at the end
    context.lineWidth = width((points[i - 1][2] + points[i][2]) / 2);
    context.beginPath();
    context.moveTo(...from);
    context.quadraticCurveTo(...here, ...to);
    context.stroke();
    from = to;
  }
}
