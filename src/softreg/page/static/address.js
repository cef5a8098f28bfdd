// The page's address after the #: the part that is shown, the drawing on the sheet, and whether a projector shows it.

const PROJECTOR = "projector";

/** @typedef {{ isProjected: boolean, part: string, drawing: string }} Address */

/** @returns {Address} */
export function readAddress() {
  const words = location.hash.slice(1).split("/");
  const isProjected = words[0] === PROJECTOR;
  const [part = "", drawing = ""] = isProjected ? words.slice(1) : words;
  return { isProjected, part, drawing };
}

/**
 * @param {Partial<Address>} address
 * @returns the same for `location.hash`
 */
export const hashOf = ({ isProjected = readAddress().isProjected, part = "", drawing = "" }) =>
  `#${[isProjected ? PROJECTOR : "", part, drawing].filter(Boolean).join("/")}`;
