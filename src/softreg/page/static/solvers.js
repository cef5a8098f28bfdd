// Ways to the minimum: stochastic gradient descent, step by step, and L-BFGS, to the end.

/** @import { Objective } from "./objective.js" */

/**
 * What is to be made small.
 * @typedef {object} Smooth
 * @property {number} size of theta
 * @property {(theta: Float64Array, gradient: Float64Array) => number} valueAndGradient
 */

const HISTORY_SIZE = 10; // pairs of steps and changes of the gradient
const SUFFICIENT_DECREASE = 1e-4; // of what the gradient promises (Armijo)
const MAX_HALVINGS = 30;

/**
 * Random numbers from 0 to 1; the same seed gives the same ones (mulberry32).
 * @param {number} seed
 */
export function randomNumbers(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Mini-batches in a new random order each epoch; the images left over of an epoch are dropped. */
export class SGD {
  /**
   * @param {Objective} objective
   * @param {{ lr: number, batchSize: number, seed: number }} options
   */
  constructor(objective, { lr, batchSize, seed }) {
    this.objective = objective;
    this.lr = lr; // may be changed on the way
    this.batchSize = Math.min(batchSize, objective.count);
    this.random = randomNumbers(seed);
    const bound = 1 / Math.sqrt(objective.dim); // as nn.Linear begins
    this.theta = Float32Array.from({ length: objective.size }, () => bound * (2 * this.random() - 1));
    this.gradient = new Float32Array(objective.size);
    this.order = Int32Array.from({ length: objective.count }, (_, row) => row);
    this.next = objective.count;
    this.steps = 0;
  }

  get stepsPerEpoch() {
    return Math.floor(this.objective.count / this.batchSize);
  }

  step() {
    if (this.next + this.batchSize > this.order.length) this.#shuffle();
    const rows = this.order.subarray(this.next, this.next + this.batchSize);
    this.objective.valueAndGradient(this.theta, this.gradient, rows);
    for (let i = 0; i < this.theta.length; i++) this.theta[i] -= this.lr * this.gradient[i];
    this.next += this.batchSize;
    this.steps++;
  }

  #shuffle() {
    for (let i = this.order.length - 1; i > 0; i--) {
      const j = Math.floor(this.random() * (i + 1));
      [this.order[i], this.order[j]] = [this.order[j], this.order[i]];
    }
    this.next = 0;
  }
}

/**
 * The minimum by L-BFGS, from zero unless it is told where to begin, with a backtracking line search (Nocedal and
 * Wright, Numerical Optimization, 2006, section 7.2).
 * @param {Smooth} objective
 * @param {{ start?: Float64Array, tolerance?: number, maxIterations?: number }} [options] when the gradient is as
 * small, it ends
 */
export function lbfgs(objective, { start, tolerance = 1e-5, maxIterations = 500 } = {}) {
  let [theta, gradient] = [start ?? new Float64Array(objective.size), new Float64Array(objective.size)];
  let value = objective.valueAndGradient(theta, gradient);
  /** @type {{ s: Float64Array, y: Float64Array, rho: number }[]} */
  const history = [];
  let iterations = 0;
  while (iterations < maxIterations && largestOf(gradient) > tolerance) {
    const direction = twoLoop(gradient, history);
    const slope = dot(direction, gradient);
    const trial = { theta: new Float64Array(theta.length), gradient: new Float64Array(theta.length), value };
    let rate = history.length ? 1 : 1 / Math.max(1, Math.sqrt(dot(gradient, gradient)));
    for (let k = 0; k < MAX_HALVINGS; k++, rate /= 2) {
      for (let i = 0; i < theta.length; i++) trial.theta[i] = theta[i] + rate * direction[i];
      trial.value = objective.valueAndGradient(trial.theta, trial.gradient);
      if (trial.value <= value + SUFFICIENT_DECREASE * rate * slope) break;
    }
    if (!(trial.value < value)) break; // rounding: as low as it gets
    const s = trial.theta.map((t, i) => t - theta[i]);
    const y = trial.gradient.map((g, i) => g - gradient[i]);
    if (dot(s, y) > 1e-12) history.push({ s, y, rho: 1 / dot(s, y) });
    if (history.length > HISTORY_SIZE) history.shift();
    ({ theta, gradient, value } = trial);
    iterations++;
  }
  return { theta, value, iterations };
}

/**
 * Minus the inverse Hessian, as the history tells it, times the gradient.
 * @param {Float64Array} gradient
 * @param {{ s: Float64Array, y: Float64Array, rho: number }[]} history
 */
function twoLoop(gradient, history) {
  const direction = gradient.map((g) => -g);
  const alphas = [];
  for (const { s, y, rho } of [...history].reverse()) {
    const alpha = rho * dot(s, direction);
    for (let i = 0; i < direction.length; i++) direction[i] -= alpha * y[i];
    alphas.push(alpha);
  }
  const last = history.at(-1);
  if (last) {
    const scale = dot(last.s, last.y) / dot(last.y, last.y);
    for (let i = 0; i < direction.length; i++) direction[i] *= scale;
  }
  for (const { s, y, rho } of history) {
    const change = (alphas.pop() ?? 0) - rho * dot(y, direction);
    for (let i = 0; i < direction.length; i++) direction[i] += change * s[i];
  }
  return direction;
}

/**
 * @param {Float64Array} a
 * @param {Float64Array} b
 */
function dot(a, b) {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** @param {Float64Array} values */
function largestOf(values) {
  let most = 0;
  for (const value of values) most = Math.max(most, Math.abs(value));
  return most;
}
