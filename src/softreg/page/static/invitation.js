// An empty sheet invites: a 3 is drawn and slowly becomes an 8, read like any drawing, until somebody touches the page.

/** @import { Ink, Point, Stroke } from "./ink.js" */

const WAIT = 2500; // milliseconds before it begins,
const PEN_PACE = 110; // between two points of the 3,
const CLOSING_PACE = 260; // between those that make an 8 of it,
const REST = 2200; // and that a digit is left to be looked at
const PAUSE = 4000; // between two times; each is twice as long as the one before

/**
 * Points along an ellipse; angles in degrees, 0 to the right, clockwise.
 * @param {[x: number, y: number, width: number, height: number]} ellipse
 * @param {number} begin
 * @param {number} end
 * @returns {Point[]}
 */
const arc = ([x, y, width, height], begin, end, count = 12) =>
  Array.from({ length: count + 1 }, (_, i) => {
    const angle = ((begin + ((end - begin) * i) / count) * Math.PI) / 180;
    return [x + width * Math.cos(angle), y + height * Math.sin(angle), 1];
  });

/** @type {[number, number, number, number]} */
const UPPER = [0.49, 0.34, 0.16, 0.14];
/** @type {[number, number, number, number]} */
const LOWER = [0.49, 0.64, 0.19, 0.16];
const THREE = [...arc(UPPER, -150, 90), ...arc(LOWER, -90, 150)];
const CLOSING = [arc(UPPER, -150, -270), arc(LOWER, 150, 270)];

export class Invitation {
  isOver = matchMedia("(prefers-reduced-motion: reduce)").matches;

  /** @param {Ink} ink */
  constructor(ink) {
    this.ink = ink;
    for (const kind of ["pointerdown", "keydown"]) addEventListener(kind, () => this.end(), { capture: true });
  }

  end() {
    this.isOver = true;
    this.ink.endDemonstration();
  }

  /**
   * A model that knows no 3 and no 8 is not invited with them.
   * @param {string[]} classes of the latest answer, if there was any
   */
  checkClasses(classes) {
    if (!this.isOver && classes.length && !(classes.includes("3") && classes.includes("8"))) this.end();
  }

  async begin() {
    await sleep(WAIT);
    for (let pause = PAUSE; !this.isOver; pause *= 2) {
      for (const [strokes, duration] of frames()) {
        while (document.hidden || !this.ink.canvas.clientWidth) await sleep(PEN_PACE); // another part is shown
        if (!this.ink.empty && !this.ink.isDemonstration) this.isOver = true;
        if (this.isOver) return;
        this.ink.demonstrate(strokes);
        await sleep(duration);
      }
      this.ink.endDemonstration();
      await sleep(pause);
    }
  }
}

/**
 * What is on the sheet, and for how long.
 * @returns {Generator<[Stroke[], number]>}
 */
function* frames() {
  /** @param {Point[]} points */
  const stroke = (points) => ({ points, pointer: null });
  for (let n = 1; n <= THREE.length; n++) yield [[stroke(THREE.slice(0, n))], n < THREE.length ? PEN_PACE : REST];
  const done = [stroke(THREE)];
  for (const points of CLOSING) {
    for (let n = 2; n <= points.length; n++) yield [[...done, stroke(points.slice(0, n))], CLOSING_PACE];
    done.push(stroke(points));
  }
  yield [done, REST];
}

/** @param {number} milliseconds */
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
