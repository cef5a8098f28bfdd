// A model changed by a few drawings, and otherwise as little as can be.

/** @import { Objective } from "./objective.js" */

// Tried with drawings misread on MNIST's last 10,000 training images by a model of the others: one, three and ten of
// the same digit are all learnt, and cost 0.1, 0.5 and 1.7 points of accuracy.
const KEEP_ANSWERS = 3;
const KEEP_WEIGHTS = 0.3;

/**
 * The sum of the drawings' cross-entropies, each the mean over its variants,
 * + KEEP_ANSWERS / 2 times the mean of |change of the logits|^2 over the reference images
 * + KEEP_WEIGHTS / 2 |change of theta|^2
 */
export class Adjustment {
  /**
   * @param {Objective} drawings of the drawings and their variants, without penalty
   * @param {number} count how many drawings there are
   * @param {Float64Array} start theta of the model
   * @param {Float32Array} reference features (R, D)
   */
  constructor(drawings, count, start, reference) {
    this.drawings = drawings;
    this.count = count;
    this.start = start;
    this.reference = reference;
    this.change = new Float64Array(start.length);
  }

  get size() {
    return this.start.length;
  }

  /**
   * @param {Float64Array} theta
   * @param {Float64Array} gradient is overwritten
   */
  valueAndGradient(theta, gradient) {
    const { drawings, count, start, change } = this;
    let [value, square] = [count * drawings.valueAndGradient(theta, gradient), 0];
    for (let i = 0; i < theta.length; i++) {
      change[i] = theta[i] - start[i];
      square += change[i] * change[i];
      gradient[i] = count * gradient[i] + KEEP_WEIGHTS * change[i];
    }
    value += (KEEP_WEIGHTS / 2) * square;
    return value + this.#changeOfAnswers(gradient);
  }

  /** @param {Float64Array} gradient to which this term's is added */
  #changeOfAnswers(gradient) {
    const { drawings, change, reference } = this;
    const { classes: C, dim: D } = drawings;
    const rows = reference.length / D;
    const z = new Float64Array(C);
    let square = 0;
    for (let row = 0; row < rows; row++) {
      for (let c = 0; c < C; c++) z[c] = change[D * C + c];
      for (let j = 0; j < D; j++) {
        const value = reference[row * D + j];
        if (value) for (let c = 0; c < C; c++) z[c] += value * change[j * C + c];
      }
      for (let c = 0; c < C; c++) {
        square += z[c] * z[c];
        z[c] *= KEEP_ANSWERS / rows;
        gradient[D * C + c] += z[c];
      }
      for (let j = 0; j < D; j++) {
        const value = reference[row * D + j];
        if (value) for (let c = 0; c < C; c++) gradient[j * C + c] += value * z[c];
      }
    }
    return (KEEP_ANSWERS / 2 / rows) * square;
  }
}
